// The tags of answers (`ETag`), and the conditions on them: `If-Match` of commands, `If-None-Match` of queries (RFC 9110).
import { createHash } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import type { ExpectedVersion } from '../../domain/kernel/command.js';
import { invalidRequest } from './problems.js';

const TAG = String.raw`(?:W/)?"[\x21\x23-\x7e\x80-\xff]*"`;

/** `*`, or tags between commas; empty places in the list are passed over. As the OpenAPI document says it and as it is enforced. */
export const ENTITY_TAGS = new RegExp(String.raw`^(?:\*|[ \t,]*${TAG}(?:[ \t]*,[ \t,]*${TAG})*[ \t,]*)$`);

const BODY_HASH_CHARS = 16;

/**
 * The version of the stream, then a hash of the body: what is shown also depends on prices, payments and who asks, while a
 * command only asks whether the stream is at the version that its caller saw. An answer without a body has a version alone.
 */
export function entityTag(version: number, body: string | undefined): string {
  if (body === undefined) return `"v${version}"`;
  const hash = createHash('sha256').update(body).digest('base64url').slice(0, BODY_HASH_CHARS);
  return `"v${version}-${hash}"`;
}

/**
 * `If-Match: "v12-…"` → 12: the command is refused unless the stream is at that version, or at one of several. Weak tags and
 * those of others match nothing. `*` asks for a thing that exists, which only a request that may make it has to be told.
 */
export function expectedVersionOf(headers: IncomingHttpHeaders, mayMake: boolean): ExpectedVersion | undefined {
  const tags = tagsIn('If-Match', headers['if-match']);
  if (tags === undefined) return undefined;
  if (tags === '*') return mayMake ? 'any' : undefined;
  const versions = tags.flatMap((tag) => /^"v(\d{1,15})(?:-[\w-]*)?"$/.exec(tag)?.[1] ?? []).map(Number);
  return versions.length === 1 ? versions[0] : versions;
}

/** What the caller has already, by `If-None-Match`. */
export interface KnownTags {
  /** Of an answer with this tag; one without a tag is known to who knows all. */
  include(tag: string | undefined): boolean;
}

export function knownTagsOf(headers: IncomingHttpHeaders): KnownTags | undefined {
  const tags = tagsIn('If-None-Match', headers['if-none-match']);
  if (tags === undefined) return undefined;
  if (tags === '*') return { include: () => true };
  const strong = new Set(tags.map((tag) => tag.replace(/^W\//, '')));
  return { include: (tag) => tag !== undefined && strong.has(tag) };
}

function tagsIn(name: string, header: string | undefined): '*' | string[] | undefined {
  if (header === undefined || header === '*') return header;
  if (ENTITY_TAGS.test(header)) return header.match(new RegExp(TAG, 'g'))!;
  throw invalidRequest([
    {
      pointer: name,
      detail: 'use ETags from earlier answers, such as "v12-a1b2c3", with commas between several; or *',
    },
  ]);
}
