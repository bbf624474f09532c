// Stream ids: `<category>#<id>`. An id may have several parts joined by `@` (`stock#85123A@main`); the parts are percent-encoded.

export type StreamId = `${string}#${string}`;

export function streamId(category: string, ...parts: [string, ...string[]]): StreamId {
  return `${category}#${parts.map(encodeURIComponent).join('@')}`;
}

export function categoryOf(stream: StreamId): string {
  return stream.slice(0, stream.indexOf('#'));
}

/** The part after the category, still encoded. */
export function keyOfStream(stream: StreamId): string {
  return stream.slice(stream.indexOf('#') + 1);
}

/** The decoded parts after the category: `stock#85123A@main` → `['85123A', 'main']`. */
export function partsOf(stream: StreamId): string[] {
  return keyOfStream(stream).split('@').map(decodeURIComponent);
}

export function isStreamId(text: string): text is StreamId {
  return /^[a-z-]+#[^#]+$/.test(text);
}
