// C2SP signed-note (https://c2sp.org/signed-note): a text with signatures below it. A log signs with Ed25519 (type 1). A witness
// adds a cosignature, which has the time at which it saw the text (type 4, https://c2sp.org/tlog-cosignature).
import { createHash, createPublicKey, type KeyObject, sign, verify } from 'node:crypto';

/** A note that is malformed, or that none of the known keys has signed, or whose signature is wrong. */
export class InvalidNote extends Error {
  override name = 'InvalidNote';
}

/** Most bytes of a note, and most signatures, that are read. */
export const MAX_NOTE_BYTES = 1_000_000;
export const MAX_SIGNATURES = 100;

const ED25519 = 1;
const COSIGNATURE = 4;
const KEY_ID_BYTES = 4;
const KEY_BYTES = 32;
const TIME_BYTES = 8;
const SIGNATURE_BYTES = 64;

/** What an Ed25519 public key has in front of its 32 bytes in DER. */
const SPKI_HEADER = Buffer.from('302a300506032b6570032100', 'hex');

export interface NoteSigner {
  name: string;
  /** The public key as verifiers are configured with it: `<name>+<id of the key in hex>+<type and key in base64>`. */
  verifierKey: string;
  /** The signature line, with its newline. */
  sign(text: string): string;
}

export interface NoteVerifier {
  name: string;
  keyId: Buffer;
  publicKey: KeyObject;
  /** The time of a cosignature in ms; undefined if the key makes signatures without a time. Throws `InvalidNote`. */
  verify(text: string, signature: Buffer): number | undefined;
}

/** A signature that was verified. */
export interface NoteSignature {
  name: string;
  keyId: Buffer;
  /** Time of a cosignature, in ms. */
  at: number | undefined;
  /** The signature line, with its newline. */
  line: string;
}

export interface OpenedNote {
  /** The signed text; it ends with a newline. */
  text: string;
  /** At least one, in the order of the note. Signatures of unknown keys are left out. */
  signatures: NoteSignature[];
}

/** Throws `RangeError` for a name that a note cannot have. */
export function noteSigner(name: string, privateKey: KeyObject): NoteSigner {
  requireName(name);
  const key = bytesOf(createPublicKey(privateKey));
  const keyId = keyIdOf(name, ED25519, key);
  return {
    name,
    verifierKey: verifierKeyOf(name, ED25519, key),
    sign: (text) => lineOf(name, Buffer.concat([keyId, sign(null, Buffer.from(text), privateKey)])),
  };
}

/** A witness. `now` is its time in ms. */
export function cosigner(name: string, privateKey: KeyObject, now: () => number): NoteSigner {
  requireName(name);
  const key = bytesOf(createPublicKey(privateKey));
  const keyId = keyIdOf(name, COSIGNATURE, key);
  return {
    name,
    verifierKey: verifierKeyOf(name, COSIGNATURE, key),
    sign(text) {
      const seconds = BigInt(Math.floor(now() / 1000));
      const time = Buffer.alloc(TIME_BYTES);
      time.writeBigUInt64BE(seconds);
      const signature = sign(null, cosigned(text, seconds), privateKey);
      return lineOf(name, Buffer.concat([keyId, time, signature]));
    },
  };
}

/** Reads the key of a log or a witness. Throws `InvalidNote`. */
export function noteVerifier(verifierKey: string): NoteVerifier {
  const [, name, id, base64] = /^([^+\s]+)\+([0-9a-f]{8})\+(\S+)$/u.exec(verifierKey) ?? [];
  const bytes = base64 === undefined ? undefined : fromBase64(base64);
  const [type] = bytes ?? [];
  const key = bytes?.subarray(1);
  if (name === undefined || type === undefined || key?.length !== KEY_BYTES)
    throw new InvalidNote('A verifier key has the form <name>+<8 hex digits>+<base64 of type and Ed25519 key>.');
  if (type !== ED25519 && type !== COSIGNATURE)
    throw new InvalidNote(`The key of ${name} has type ${type}; known are 1 (Ed25519) and 4 (cosignature).`);
  const keyId = keyIdOf(name, type, key);
  if (keyId.toString('hex') !== id) throw new InvalidNote(`The verifier key of ${name} does not match its id ${id}.`);
  return verifierOf(name, type, keyId, publicKeyOf(key));
}

/** The verifier of a log's key that is known under another form, such as PEM. */
export function logVerifier(name: string, publicKey: KeyObject): NoteVerifier {
  return verifierOf(name, ED25519, keyIdOf(name, ED25519, bytesOf(publicKey)), publicKey);
}

function verifierOf(name: string, type: number, keyId: Buffer, publicKey: KeyObject): NoteVerifier {
  const isSigned = (message: Buffer, signature: Buffer) =>
    signature.length === SIGNATURE_BYTES && verify(null, message, publicKey, signature);
  const wrong = () => new InvalidNote(`The signature of ${name} is wrong.`);
  return {
    name,
    keyId,
    publicKey,
    verify(text, signature) {
      if (type === ED25519) {
        if (!isSigned(Buffer.from(text), signature)) throw wrong();
        return undefined;
      }
      if (signature.length !== TIME_BYTES + SIGNATURE_BYTES) throw wrong();
      const seconds = signature.readBigUInt64BE();
      if (!isSigned(cosigned(text, seconds), signature.subarray(TIME_BYTES))) throw wrong();
      return Number(seconds) * 1000;
    },
  };
}

/** The text ends with a newline. Throws `RangeError` for a text that a note cannot have. */
export function signNote(text: string, signers: readonly NoteSigner[]): string {
  if (!isNoteText(text)) throw new RangeError('A note is lines without control characters.');
  return `${text}\n${signers.map(({ sign }) => sign(text)).join('')}`;
}

/**
 * The text of a note that at least one of these keys has signed. Signatures of other keys are ignored, as the specification
 * demands. Throws `InvalidNote`, also if a known key's signature is wrong.
 */
export function openNote(note: string, verifiers: readonly NoteVerifier[]): OpenedNote {
  const { text, lines } = partsOf(note);
  const signatures: NoteSignature[] = [];
  for (const line of lines) {
    const { name, bytes } = signatureIn(line);
    const keyId = bytes.subarray(0, KEY_ID_BYTES);
    const known = verifiers.find((verifier) => verifier.name === name && verifier.keyId.equals(keyId));
    if (!known || signatures.some((earlier) => earlier.name === name && earlier.keyId.equals(keyId))) continue;
    signatures.push({ name, keyId, at: known.verify(text, bytes.subarray(KEY_ID_BYTES)), line: `${line}\n` });
  }
  if (signatures.length === 0) throw new InvalidNote('The note is not signed by a known key.');
  return { text, signatures };
}

/** The text of a note, whoever signed it. Throws `InvalidNote`. */
export function unverifiedText(note: string): string {
  return partsOf(note).text;
}

function partsOf(note: string): { text: string; lines: string[] } {
  if (Buffer.byteLength(note) > MAX_NOTE_BYTES) throw new InvalidNote(`A note has at most ${MAX_NOTE_BYTES} bytes.`);
  const end = note.lastIndexOf('\n\n');
  const text = note.slice(0, end + 1);
  if (end < 0 || !note.endsWith('\n') || !isNoteText(text))
    throw new InvalidNote('A note is a text, an empty line and signature lines, each with a newline.');
  const lines = note.slice(end + 2, -1).split('\n');
  if (lines.length > MAX_SIGNATURES) throw new InvalidNote(`A note has at most ${MAX_SIGNATURES} signatures.`);
  for (const line of lines) signatureIn(line);
  return { text, lines };
}

function signatureIn(line: string): { name: string; bytes: Buffer } {
  const [, name, base64] = /^— ([^+\s]+) (\S+)$/u.exec(line) ?? [];
  const bytes = base64 === undefined ? undefined : fromBase64(base64);
  if (name === undefined || !bytes || bytes.length <= KEY_ID_BYTES)
    throw new InvalidNote('A signature line has the form — <name> <base64 of key id and signature>.');
  return { name, bytes };
}

function isNoteText(text: string): boolean {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: the specification forbids them.
  return text.endsWith('\n') && !/[\u0000-\u0009\u000b-\u001f]/.test(text);
}

function requireName(name: string): void {
  if (!/^[^+\s]+$/u.test(name)) throw new RangeError(`"${name}" cannot sign: a name has neither spaces nor +.`);
}

/** Undefined unless it is the one base64 form of its bytes. */
export function fromBase64(text: string): Buffer | undefined {
  const bytes = Buffer.from(text, 'base64');
  return bytes.toString('base64') === text ? bytes : undefined;
}

function cosigned(text: string, seconds: bigint): Buffer {
  return Buffer.from(`cosignature/v1\ntime ${seconds}\n${text}`);
}

function lineOf(name: string, bytes: Buffer): string {
  return `— ${name} ${bytes.toString('base64')}\n`;
}

function verifierKeyOf(name: string, type: number, key: Uint8Array): string {
  const bytes = Buffer.concat([Uint8Array.of(type), key]);
  return `${name}+${keyIdOf(name, type, key).toString('hex')}+${bytes.toString('base64')}`;
}

function keyIdOf(name: string, type: number, key: Uint8Array): Buffer {
  const hash = createHash('sha256').update(`${name}\n`).update(Uint8Array.of(type)).update(key);
  return hash.digest().subarray(0, KEY_ID_BYTES);
}

function bytesOf(publicKey: KeyObject): Buffer {
  if (publicKey.asymmetricKeyType !== 'ed25519') throw new RangeError('A note is signed with an Ed25519 key.');
  return publicKey.export({ type: 'spki', format: 'der' }).subarray(SPKI_HEADER.length);
}

function publicKeyOf(bytes: Uint8Array): KeyObject {
  return createPublicKey({ key: Buffer.concat([SPKI_HEADER, bytes]), format: 'der', type: 'spki' });
}
