// Reads a request's body, bounded: as JSON in UTF-8, or as it came if somebody has signed it.
import { type Request, type Response, raw } from 'express';
import { MAX_BODY_BYTES } from './limits.js';
import { HttpProblem, invalidRequest } from './problems.js';

const readBytes = raw({ type: () => true, limit: MAX_BODY_BYTES });
const utf8 = new TextDecoder('utf-8', { fatal: true });

/** Undefined where the request has no body. */
export async function readJson(req: Request, res: Response): Promise<unknown> {
  if (!hasBody(req)) return undefined;
  requireJson(req.headers['content-type']);
  const bytes = await bytesOf(req, res);
  if (bytes.length === 0) return undefined;
  return parse(bytes);
}

/** The signature is over these bytes and no others. */
export async function readSigned(req: Request, res: Response, header: string) {
  const signature = req.get(header);
  if (signature === undefined) throw invalidRequest([{ pointer: header, detail: 'is missing' }]);
  return { body: hasBody(req) ? await bytesOf(req, res) : new Uint8Array(), signature };
}

async function bytesOf(req: Request, res: Response): Promise<Buffer> {
  await new Promise<void>((resolve, reject) => {
    readBytes(req, res, (error) => (error ? reject(isZlibError(error) ? badlyEncoded(req) : error) : resolve()));
  });
  // Whoever has hung up meanwhile is not read any more, and gets no answer either.
  if (req.body === undefined) throw invalidRequest([{ pointer: '', detail: 'the body did not arrive' }]);
  return req.body;
}

function isZlibError(error: NodeJS.ErrnoException): boolean {
  return error.code?.startsWith('Z_') === true;
}

function badlyEncoded({ headers }: Request): HttpProblem {
  const detail = `the body is not sound ${headers['content-encoding']}`;
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
  try {
    return JSON.parse(utf8.decode(bytes));
  } catch (error) {
    const reason = error instanceof SyntaxError ? error.message : 'it is not UTF-8';
    throw invalidRequest([{ pointer: '', detail: `the body is not JSON: ${reason}` }]);
  }
}
