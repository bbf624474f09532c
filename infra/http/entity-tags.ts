// Entity tags of answers (`ETag`), and their conditions: `If-Match` of commands, `If-None-Match` of queries (RFC 9110).
import type { IncomingHttpHeaders } from 'node:http';
import type { ExpectedVersion } from '../../domain/kernel/command.js';
import { invalidRequest } from './problems.js';

const TAG = String.raw`(?:W/)?"[\x21\x23-\x7e\x80-\xff]*"`;

/** `*`, or a comma-separated list of tags; empty list elements are ignored. Used by the OpenAPI document and by validation. */
export const ENTITY_TAGS = new RegExp(String.raw`^(?:\*|[ \t,]*${TAG}(?:[ \t]*,[ \t,]*${TAG})*[ \t,]*)$`);

/**
 * The version of the stream, then a hash of the body. The body also depends on prices, payments and the caller, while a command
 * only checks the stream's version that the caller saw. An answer without a body has only a version.
 */
export function entityTag(version: number, bodyHash: string | undefined): string {
  return bodyHash === undefined ? `"v${version}"` : `"v${version}-${bodyHash}"`;
}

/**
 * `If-Match: "v12-…"` → 12: the command is rejected unless the stream has that version, or one of several. Weak and foreign tags
 * match nothing. `*` requires that the resource exists. Only a request that may create it (`mayMake`) needs that condition.
 */
export function expectedVersionOf(headers: IncomingHttpHeaders, mayMake: boolean): ExpectedVersion | undefined {
  const tags = tagsIn('If-Match', headers['if-match']);
  if (tags === undefined) return undefined;
  if (tags === '*') return mayMake ? 'any' : undefined;
  const versions = tags.flatMap((tag) => /^"v(\d{1,15})(?:-[\w-]*)?"$/.exec(tag)?.[1] ?? []).map(Number);
  return versions.length === 1 ? versions[0] : versions;
}

/** The tags that the caller already has, from `If-None-Match`. */
export interface KnownTags {
  /** True if the caller has an answer with this tag. `*` includes answers without a tag. */
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
  if (ENTITY_TAGS.test(header)) return header.match(new RegExp(TAG, 'g')) ?? [];
  throw invalidRequest([
    {
      pointer: name,
      detail: 'use ETags from earlier answers, such as "v12-a1b2c3", with commas between several; or *',
    },
  ]);
}
