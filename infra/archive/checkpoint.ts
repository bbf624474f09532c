// C2SP tlog-checkpoint (https://c2sp.org/tlog-checkpoint): the text of a note that states a log's size and root.
import { HASH_BYTES } from './merkle-tree.js';
import {
  fromBase64,
  InvalidNote,
  type NoteSignature,
  type NoteVerifier,
  openNote,
  unverifiedText,
} from './signed-note.js';

export interface Checkpoint {
  /** Name of the log. It is also the name of the log's key. */
  origin: string;
  /** Number of leaves. */
  size: number;
  /** Root of the tree. */
  root: Buffer;
}

export interface OpenedCheckpoint extends Checkpoint {
  /** The verified signatures: the log's, and those of known witnesses. */
  signatures: NoteSignature[];
}

export function checkpointText({ origin, size, root }: Checkpoint): string {
  return `${origin}\n${size}\n${root.toString('base64')}\n`;
}

/** A checkpoint that the log itself has signed. Throws `InvalidNote`. */
export function openCheckpoint(
  note: string,
  log: NoteVerifier,
  witnesses: readonly NoteVerifier[] = [],
): OpenedCheckpoint {
  const { text, signatures } = openNote(note, [log, ...witnesses]);
  const checkpoint = checkpointIn(text);
  if (!signatures.some(({ name, keyId }) => name === log.name && keyId.equals(log.keyId)))
    throw new InvalidNote(`The checkpoint of ${checkpoint.origin} is not signed by the log's own key.`);
  if (checkpoint.origin !== log.name)
    throw new InvalidNote(`The checkpoint is that of ${checkpoint.origin}, not of ${log.name}.`);
  return { ...checkpoint, signatures };
}

/** What a checkpoint states, whoever signed it. Throws `InvalidNote`. */
export function unverifiedCheckpoint(note: string): Checkpoint {
  return checkpointIn(unverifiedText(note));
}

/** Lines after the third are extensions, which are ignored. */
function checkpointIn(text: string): Checkpoint {
  const [origin = '', size = '', base64 = '', ...extensions] = text.slice(0, -1).split('\n');
  const root = fromBase64(base64);
  const leaves = decimal(size);
  if (origin === '' || leaves === undefined || root?.length !== HASH_BYTES || extensions.includes(''))
    throw new InvalidNote('A checkpoint has three lines: origin, size, and the root hash in base64.');
  return { origin, size: leaves, root };
}

/** Undefined unless the text is a safe integer without leading zeros. */
export function decimal(text: string): number | undefined {
  const number = /^(0|[1-9]\d{0,15})$/.test(text) ? Number(text) : Number.NaN;
  return Number.isSafeInteger(number) ? number : undefined;
}
