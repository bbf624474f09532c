// Stream ids: `<category>#<id>`, where an id may have parts joined by `@` (`stock#85123A@main`); parts are percent-encoded.

export type StreamId = `${string}#${string}`;

export function streamId(category: string, ...parts: [string, ...string[]]): StreamId {
  return `${category}#${parts.map(encodeURIComponent).join('@')}`;
}

export function categoryOf(stream: StreamId): string {
  return stream.slice(0, stream.indexOf('#'));
}

/** What stands behind the category, as it stands there. */
export function keyOfStream(stream: StreamId): string {
  return stream.slice(stream.indexOf('#') + 1);
}

/** The decoded parts behind the category: `stock#85123A@main` → `['85123A', 'main']`. */
export function partsOf(stream: StreamId): string[] {
  return keyOfStream(stream).split('@').map(decodeURIComponent);
}

export function isStreamId(text: string): text is StreamId {
  return /^[a-z-]+#[^#]+$/.test(text);
}
