// A client of C2SP tlog-witness (https://c2sp.org/tlog-witness): asks a witness to confirm that a checkpoint continues the last one
// that it has seen.
import { Unavailable } from '../../domain/kernel/errors.js';
import { reasonOf } from '../retry.js';
import { decimal } from './checkpoint.js';
import { InvalidNote, type NoteSignature, type NoteVerifier, noteVerifier, openNote } from './signed-note.js';

const TIMEOUT_MS = 5_000;
const MAX_ANSWER_BYTES = 64 * 1024;
const OTHER_SIZE = 409;
const SIZE_TYPE = 'text/x.tlog.size';

export interface Witness {
  /** The submission prefix, without a slash at its end. */
  url: string;
  verifier: NoteVerifier;
}

/** The witness has seen a tree that this checkpoint does not continue, or does not know this log. */
export class WitnessRefused extends Error {
  override name = 'WitnessRefused';
}

/** Reads `<verifier key> <URL>`. Throws `InvalidNote`. */
export function parseWitness(text: string): Witness {
  const [key = '', url = '', ...more] = text.trim().split(/\s+/);
  if (more.length > 0 || !/^https?:/.test(url) || !URL.canParse(url))
    throw new InvalidNote('A witness has the form <verifier key> <http or https URL>.');
  return { url: url.replace(/\/+$/, ''), verifier: noteVerifier(key) };
}

export interface WitnessClient {
  name: string;
  verifier: NoteVerifier;
  /**
   * The cosignature of a checkpoint of `size` commits. `proofFrom` gives the consistency proof from a smaller tree. Throws
   * `Unavailable`, `WitnessRefused`.
   */
  cosign(note: string, size: number, proofFrom: (size: number) => Promise<Buffer[]>): Promise<NoteSignature>;
}

export function createWitnessClient({ url, verifier }: Witness): WitnessClient {
  /** Size of the last checkpoint that the witness has cosigned, as far as this process knows. */
  let seen = 0;

  async function ask(note: string, proof: readonly Buffer[]): Promise<{ status: number; type: string; text: string }> {
    const body = [`old ${seen}`, ...proof.map((hash) => hash.toString('base64')), '', note].join('\n');
    try {
      const signal = AbortSignal.timeout(TIMEOUT_MS);
      const answer = await fetch(`${url}/add-checkpoint`, { method: 'POST', body, redirect: 'error', signal });
      const type = answer.headers.get('content-type') ?? '';
      return { status: answer.status, type, text: await limitedText(answer) };
    } catch (error) {
      const { cause } = error as { cause?: unknown };
      throw new Unavailable(`The witness ${verifier.name}`, reasonOf(cause ?? error));
    }
  }

  return {
    name: verifier.name,
    verifier,
    async cosign(note, size, proofFrom) {
      let answer = await ask(note, seen > size ? [] : await proofFrom(seen));
      const known =
        answer.status === OTHER_SIZE && answer.type.startsWith(SIZE_TYPE) ? decimal(answer.text.trim()) : seen;
      if (known !== undefined && known !== seen) {
        seen = known;
        if (seen > size)
          throw new WitnessRefused(
            `The witness ${verifier.name} has seen ${seen} commits, more than the ${size} of this checkpoint: another archiver is ahead, or this archive was put back.`,
          );
        answer = await ask(note, await proofFrom(seen));
      }
      if (answer.status >= 500 || answer.status === 429)
        throw new Unavailable(`The witness ${verifier.name}`, `it answered with status ${answer.status}`);
      if (answer.status !== 200)
        throw new WitnessRefused(
          `The witness ${verifier.name} does not cosign the checkpoint of ${size} commits (status ${answer.status}): ${MEANINGS[answer.status] ?? 'an answer that the protocol does not have'}.`,
        );
      const signature = signatureIn(note, answer.text);
      seen = size;
      return signature;
    },
  };

  function signatureIn(note: string, lines: string): NoteSignature {
    try {
      const [signature] = openNote(note + lines, [verifier]).signatures;
      if (signature) return signature;
    } catch (error) {
      if (!(error instanceof InvalidNote)) throw error;
    }
    throw new WitnessRefused(`The witness ${verifier.name} answered without a valid cosignature of its own key.`);
  }
}

const MEANINGS: Record<number, string> = {
  400: 'it does not understand the request',
  403: 'it knows this log with another public key',
  404: 'it does not know this log; give its operator the output of `commerce audit-key`',
  409: 'it has seen another tree of this size',
  422: 'the tree does not continue the one that it has seen',
};

async function limitedText(answer: Response): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of answer.body ?? []) {
    bytes += chunk.length;
    if (bytes > MAX_ANSWER_BYTES) throw new Error(`its answer is longer than ${MAX_ANSWER_BYTES} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString();
}
