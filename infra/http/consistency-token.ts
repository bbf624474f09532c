// The `Consistency-Token` header: the commits that a caller has seen. It is sealed, so that nobody can read stream names from it,
// or probe for streams with an invented token.
import type { SeenCommits } from '../../domain/kernel/consistency.js';
import type { Seal } from '../../domain/kernel/seal.js';
import type { StreamId } from '../../domain/kernel/stream.js';
import { MAX_TOKEN_CHARS } from './limits.js';
import { invalidRequest } from './problems.js';

export interface ConsistencyTokens {
  encode(seen: SeenCommits): string;
  /** Throws `invalid_request` for a token that `encode` did not make. */
  decode(token: string | undefined): SeenCommits;
}

const NOTHING_SEEN: SeenCommits = new Map();

/** The sealed text is `<stream> <commitNo> <stream> <commitNo> …`; stream ids contain no spaces. Empty streams are left out. */
export function createConsistencyTokens({ seal, open }: Seal): ConsistencyTokens {
  // Maps the result of `decode` to its token. If an answer adds nothing, the same token is returned.
  const tokens = new WeakMap<SeenCommits, string>([[NOTHING_SEEN, seal('')]]);

  return {
    encode(seen) {
      const known = tokens.get(seen);
      if (known !== undefined) return known;
      let text = '';
      for (const [stream, commitNo] of seen) if (commitNo > 0) text += `${text && ' '}${stream} ${commitNo}`;
      return seal(text);
    },
    decode(token) {
      if (token === undefined) return NOTHING_SEEN;
      const text = token.length > MAX_TOKEN_CHARS ? undefined : open(token);
      if (text === undefined) throw foreign();
      const seen = new Map<StreamId, number>();
      const parts = text === '' ? [] : text.split(' ');
      for (let n = 0; n < parts.length; n += 2) seen.set(parts[n] as StreamId, Number(parts[n + 1]));
      tokens.set(seen, token);
      return seen;
    },
  };
}

function foreign() {
  return invalidRequest([
    { pointer: 'Consistency-Token', detail: 'send the value of an earlier answer unchanged, or leave it out' },
  ]);
}
