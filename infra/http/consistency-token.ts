// The `Consistency-Token` header: the commits that a caller has seen, opaque to it.
import type { SeenCommits } from '../../domain/kernel/consistency.js';
import { MAX_ID_LENGTH, MAX_TOKEN_PAIRS } from '../../domain/kernel/limits.js';
import { isStreamId, partsOf, type StreamId } from '../../domain/kernel/stream.js';
import { MAX_TOKEN_CHARS, MAX_VERSION } from './limits.js';
import { invalidRequest } from './problems.js';

/** In front of the pairs, so that a later format is told apart, and that no token is empty. */
const FORMAT = '1';

const NOTHING_SEEN: SeenCommits = new Map();
const NOTHING_SEEN_TOKEN = Buffer.from(FORMAT).toString('base64url');

/** base64url of `1 <stream> <commitNo> <stream> <commitNo> …`; stream ids hold no spaces. Of an empty stream nothing was seen. */
export function encodeToken(seen: SeenCommits): string {
  let text = FORMAT;
  for (const [stream, commitNo] of seen) if (commitNo > 0) text += ` ${stream} ${commitNo}`;
  return Buffer.from(text).toString('base64url');
}

/** Throws `invalid_request` for what `encodeToken` cannot have made. */
export function decodeToken(token: string | undefined): SeenCommits {
  if (token === undefined || token === NOTHING_SEEN_TOKEN) return NOTHING_SEEN;
  if (token.length > MAX_TOKEN_CHARS) throw malformed();
  const [format, ...rest] = Buffer.from(token, 'base64url').toString('latin1').split(' ');
  if (format !== FORMAT || rest.length % 2 !== 0 || rest.length > 2 * MAX_TOKEN_PAIRS) throw malformed();

  const seen = new Map<StreamId, number>();
  for (let n = 0; n < rest.length; n += 2) {
    const stream = rest[n]!;
    const commitNo = Number(rest[n + 1]);
    if (!isEncodedStream(stream) || !/^[1-9]\d{0,9}$/.test(rest[n + 1]!) || commitNo > MAX_VERSION) throw malformed();
    seen.set(stream, commitNo);
  }
  return seen;
}

/** Callers can forge tokens: a stream id from one must be as harmless as one of our own. */
function isEncodedStream(text: string): text is StreamId {
  if (text.length > MAX_ID_LENGTH || !isStreamId(text) || !/^[\w#@%.!~*'()-]+$/.test(text)) return false;
  try {
    return !partsOf(text).some((part) => part.includes('\0'));
  } catch {
    return false;
  }
}

function malformed() {
  return invalidRequest([
    { pointer: 'Consistency-Token', detail: 'send the value of an earlier answer unchanged, or leave it out' },
  ]);
}
