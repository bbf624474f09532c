// Reads a request's body within limits: as JSON in UTF-8, or as raw bytes if it is signed.
import { promisify } from 'node:util';
import { brotliDecompress, gunzip, inflate } from 'node:zlib';
import type { Request, Response } from 'express';
import { MAX_BODY_BYTES } from './limits.js';
import { inBody } from './pointers.js';
import { HttpProblem, invalidRequest } from './problems.js';
import { findRepeatedName } from './repeated-names.js';

const utf8 = new TextDecoder('utf-8', { fatal: true });

/** Undefined if the request has no body. */
export async function readJson(req: Request, res: Response): Promise<unknown> {
  if (!hasBody(req)) return undefined;
  requireJson(req.headers['content-type']);
  const bytes = await bytesOf(req, res);
  if (bytes.length === 0) return undefined;
  return parse(bytes);
}

/** Returns the raw bytes, which the signature covers. */
export async function readSigned(req: Request, res: Response, header: string) {
  const signature = req.get(header);
  if (signature === undefined) throw invalidRequest([{ pointer: header, detail: 'is missing' }]);
  return { body: hasBody(req) ? await bytesOf(req, res) : new Uint8Array(), signature };
}

/** Limits the bytes both as they arrive and after decoding. */
async function bytesOf(req: Request, res: Response): Promise<Buffer> {
  const decode = decoderOf(req);
  if (Number(req.headers['content-length'] ?? 0) > MAX_BODY_BYTES) throw tooLarge();
  if (req.headers.expect !== undefined) res.writeContinue();
  const bytes = await arrivingBytes(req);
  if (!decode) return bytes;
  try {
    return await decode(bytes, { maxOutputLength: MAX_BODY_BYTES });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE') throw tooLarge();
    throw badlyEncoded(req);
  }
}

const DECODERS = new Map([
  ['gzip', promisify(gunzip)],
  ['deflate', promisify(inflate)],
  ['br', promisify(brotliDecompress)],
]);

function decoderOf({ headers }: Request) {
  const encoding = headers['content-encoding']?.toLowerCase() ?? 'identity';
  const decode = DECODERS.get(encoding);
  if (decode || encoding === 'identity') return decode;
  const known = [...DECODERS.keys(), 'identity'].join(', ');
  throw new HttpProblem('unsupported_media_type', `Content-Encoding may be ${known}.`);
}

/** Bytes after the limit are not read. */
function arrivingBytes(req: Request): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let size = 0;
    const take = (chunk: Buffer) => {
      size += chunk.length;
      chunks.push(chunk);
      if (size <= MAX_BODY_BYTES) return;
      req.off('data', take).pause();
      reject(tooLarge());
    };
    // The client has disconnected: nothing more is read, and it gets no answer.
    const lost = () => reject(invalidRequest([{ pointer: '', detail: 'the body did not arrive' }]));
    req.on('data', take).once('error', lost).once('close', lost);
    req.once('end', () => {
      req.off('close', lost); // Every request closes, and an error costs a stack trace.
      resolve(Buffer.concat(chunks));
    });
    if (req.destroyed) lost();
  });
}

function tooLarge(): HttpProblem {
  return new HttpProblem('too_large', `A body may have at most ${MAX_BODY_BYTES} bytes.`);
}

function badlyEncoded({ headers }: Request): HttpProblem {
  const detail = `the body is not valid ${headers['content-encoding']}`;
  return invalidRequest([{ pointer: 'Content-Encoding', detail }]);
}

function hasBody({ headers }: Request): boolean {
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;
}

function requireJson(contentType: string | undefined): void {
  const [type, ...parameters] = (contentType ?? '').toLowerCase().split(';');
  const charset = parameters.find((parameter) => parameter.trim().startsWith('charset='));
  const isUtf8 = charset === undefined || /^charset="?utf-?8"?$/.test(charset.trim());
  if (type?.trim() === 'application/json' && isUtf8) return;
  throw new HttpProblem('unsupported_media_type', 'Send the body as application/json in UTF-8.');
}

function parse(bytes: Buffer): unknown {
  let json: string;
  let parsed: unknown;
  try {
    json = utf8.decode(bytes);
    parsed = JSON.parse(json);
  } catch (error) {
    const reason = error instanceof SyntaxError ? error.message : 'it is not UTF-8';
    throw invalidRequest([{ pointer: '', detail: `the body is not JSON: ${reason}` }]);
  }
  const repeated = findRepeatedName(json);
  if (repeated) throw invalidRequest([{ pointer: inBody(repeated), detail: 'is given more than once' }]);
  return parsed;
}
