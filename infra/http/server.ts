// The listening server: explicit time limits, problem documents even for invalid HTTP, and a shutdown that lets requests finish.
import {
  createServer,
  type IncomingMessage,
  type RequestListener,
  type Server,
  type ServerResponse,
  STATUS_CODES,
} from 'node:http';
import { type AddressInfo, Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { OperatorError } from '../../domain/kernel/errors.js';
import { type AddressRanges, addressKey, isWithin } from './addresses.js';
import {
  ANSWER_BYTES_PER_S,
  ANSWER_TIMEOUT_MS,
  CHECK_CONNECTIONS_EVERY_MS,
  DRAIN_TIMEOUT_MS,
  HEADERS_TIMEOUT_MS,
  KEEP_ALIVE_TIMEOUT_MS,
  MAX_CONNECTIONS,
  MAX_CONNECTIONS_PER_ADDRESS,
  MAX_HEADER_BYTES,
  REQUEST_TIMEOUT_MS,
} from './limits.js';
import { closeLingering, closingUnread } from './lingering.js';
import { HttpProblem, PROBLEMS, problemDocument } from './problems.js';
import { cutOffSlowReaders } from './slow-readers.js';

/** While the server drains, idle connections are closed at this interval. */
const DRAIN_STEP_MS = 50;

export interface RunningServer {
  port: number;
  url: string;
  /** Accepts no new connections, lets running requests end within `DRAIN_TIMEOUT_MS`, then cuts them off. */
  close(): Promise<void>;
}

export class PortUnavailable extends OperatorError {
  override name = 'PortUnavailable';
}

export interface ServerLimits {
  /** Times in ms. */
  request: number;
  headers: number;
  keepAlive: number;
  answer: number;
  answerBytesPerS: number;
  checkEvery: number;
  drain: number;
  connections: number;
  connectionsPerAddress: number;
}

const LIMITS: ServerLimits = {
  request: REQUEST_TIMEOUT_MS,
  headers: HEADERS_TIMEOUT_MS,
  keepAlive: KEEP_ALIVE_TIMEOUT_MS,
  answer: ANSWER_TIMEOUT_MS,
  answerBytesPerS: ANSWER_BYTES_PER_S,
  checkEvery: CHECK_CONNECTIONS_EVERY_MS,
  drain: DRAIN_TIMEOUT_MS,
  connections: MAX_CONNECTIONS,
  connectionsPerAddress: MAX_CONNECTIONS_PER_ADDRESS,
};

export interface ServerOptions {
  /** 0 means any free port. */
  port: number;
  host?: string;
  /** Addresses without a limit on connections. */
  trustedProxies?: AddressRanges;
  /** Limits that differ from the documented ones. */
  limits?: Partial<ServerLimits>;
}

/** Throws `PortUnavailable`. */
export async function startServer(app: RequestListener, options: ServerOptions): Promise<RunningServer> {
  const { port, host = '127.0.0.1', trustedProxies = [] } = options;
  const limits = { ...LIMITS, ...options.limits };
  const slowReaders = cutOffSlowReaders({
    answerMs: limits.answer,
    answerBytesPerS: limits.answerBytesPerS,
    checkEveryMs: limits.checkEvery,
  });
  const server = createServer({
    requestTimeout: limits.request,
    headersTimeout: limits.headers,
    keepAliveTimeout: limits.keepAlive,
    connectionsCheckingInterval: limits.checkEvery,
    maxHeaderSize: MAX_HEADER_BYTES,
    requireHostHeader: false, // the app answers it
  });
  server.maxConnections = limits.connections;
  const take: RequestListener = (req, res) => {
    slowReaders.watch(res);
    if (!answerOddTarget(req, res)) app(req, res);
  };
  server.on('request', take);
  server.on('checkContinue', take); // the code that reads the body sends 100 first
  server.on('checkExpectation', take); // other expectations are ignored
  server.on('connection', limitPerAddress(limits.connectionsPerAddress, trustedProxies));
  server.on('clientError', answerClientError);
  await listen(server, port, host);
  const bound = (server.address() as AddressInfo).port;
  async function close() {
    await drain(server, limits.drain);
    slowReaders.stop();
  }
  return { port: bound, url: `http://${host.includes(':') ? `[${host}]` : host}:${bound}`, close };
}

/** Limits the connections of each address, so that one address cannot take all of them. */
function limitPerAddress(limit: number, trustedProxies: AddressRanges): (socket: Socket) => void {
  const open = new Map<string, number>();
  return (socket) => {
    if (isWithin(trustedProxies, socket.remoteAddress)) return;
    const address = addressKey(socket.remoteAddress);
    const before = open.get(address) ?? 0;
    if (before >= limit) return void socket.destroy();
    open.set(address, before + 1);
    socket.once('close', () => {
      const left = (open.get(address) ?? 0) - 1;
      if (left > 0) open.set(address, left);
      else open.delete(address);
    });
  };
}

/** Absolute URLs and `*` are for proxies, and Express cannot always parse them. RFC 9112 requires a Host header. */
function answerOddTarget(req: IncomingMessage, res: ServerResponse): boolean {
  if (req.url?.startsWith('/') && (req.headers.host !== undefined || req.httpVersion === '1.0')) return false;
  const detail = 'Request a path, such as /docs, and send the header Host.';
  const { status, body, headers } = rawProblem(new HttpProblem('invalid_request', detail));
  res.writeHead(status, { ...headers, ...closingUnread(req) }).end(body);
  return true;
}

function listen(server: Server, port: number, host: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => reject(explain(error, port, host)));
    server.listen(port, host, resolve);
  });
}

function explain(error: NodeJS.ErrnoException, port: number, host: string): Error {
  if (error.code === 'EADDRINUSE')
    return new PortUnavailable(
      `Port ${port} on ${host} is in use; stop the program that listens there, or choose another port with --port.`,
    );
  if (error.code === 'EACCES')
    return new PortUnavailable(
      `Port ${port} needs privileges that this user does not have; choose a port above 1023 with --port.`,
    );
  if (/^(EADDRNOTAVAIL|ENOTFOUND|EAI_|EINVAL|EAFNOSUPPORT)/.test(error.code ?? ''))
    return new PortUnavailable(
      `--host: ${host} is no address of this machine (${error.code}); use 127.0.0.1, or 0.0.0.0 for all of its addresses.`,
    );
  return error;
}

/** Checks the port before anything else is opened. Throws `PortUnavailable`. */
export async function requireFreePort({ port, host = '127.0.0.1' }: { port: number; host?: string }): Promise<void> {
  const server = createServer();
  await listen(server, port, host);
  await new Promise((resolve) => server.close(resolve));
}

async function drain(server: Server, drainMs: number): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  const idle = setInterval(() => server.closeIdleConnections(), DRAIN_STEP_MS);
  const cut = setTimeout(() => server.closeAllConnections(), drainMs);
  await closed;
  clearInterval(idle);
  clearTimeout(cut);
}

/** Answers what Node's parser rejected before it became a request. */
function answerClientError(error: NodeJS.ErrnoException, socket: Duplex): void {
  if (!socket.writable || !(socket instanceof Socket)) return void socket.destroy();
  const { status, body, headers } = rawProblem(problemOf(error.code));
  const lines = Object.entries({ ...headers, Connection: 'close' }).map(([name, value]) => `${name}: ${value}\r\n`);
  socket.write(`HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\n${lines.join('')}\r\n${body}`);
  closeLingering(socket);
}

function problemOf(code: string | undefined): HttpProblem {
  if (code === 'HPE_HEADER_OVERFLOW')
    return new HttpProblem('headers_too_large', `All headers together may have at most ${MAX_HEADER_BYTES} bytes.`);
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT')
    return new HttpProblem('request_timeout', `A request must arrive within ${REQUEST_TIMEOUT_MS / 1000} s.`);
  return new HttpProblem('invalid_request', 'This is not HTTP/1.1.');
}

function rawProblem(problem: HttpProblem) {
  const body = JSON.stringify(problemDocument(problem, '/'));
  const headers = { 'Content-Type': 'application/problem+json', 'Content-Length': String(Buffer.byteLength(body)) };
  return { status: PROBLEMS[problem.code].status, body, headers };
}
