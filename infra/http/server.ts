// The listening server: explicit time limits, problem documents also for what is not HTTP, and an end that lets requests finish.
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { OperatorError } from '../../domain/kernel/errors.js';
import {
  DRAIN_TIMEOUT_MS,
  HEADERS_TIMEOUT_MS,
  KEEP_ALIVE_TIMEOUT_MS,
  MAX_HEADER_BYTES,
  REQUEST_TIMEOUT_MS,
} from './limits.js';
import { HttpProblem, PROBLEMS, problemDocument } from './problems.js';

/** While draining, connections that have become idle are closed this often. */
const DRAIN_STEP_MS = 50;

export interface RunningServer {
  port: number;
  url: string;
  /** Takes no new connections, lets running requests end within `DRAIN_TIMEOUT_MS`, then cuts them off. */
  close(): Promise<void>;
}

export class PortUnavailable extends OperatorError {
  override name = 'PortUnavailable';
}

/** Port 0 is any free one. Throws `PortUnavailable`. */
export async function startServer(
  app: RequestListener,
  { port, host = '127.0.0.1', drainMs = DRAIN_TIMEOUT_MS }: { port: number; host?: string; drainMs?: number },
): Promise<RunningServer> {
  const server = createServer(
    {
      requestTimeout: REQUEST_TIMEOUT_MS,
      headersTimeout: HEADERS_TIMEOUT_MS,
      keepAliveTimeout: KEEP_ALIVE_TIMEOUT_MS,
      maxHeaderSize: MAX_HEADER_BYTES,
      requireHostHeader: false, // the answer to that is ours
    },
    refusingOddTargets(app),
  );
  server.on('clientError', answerClientError);
  await listen(server, port, host);
  const bound = (server.address() as AddressInfo).port;
  return { port: bound, url: `http://${host}:${bound}`, close: () => drain(server, drainMs) };
}

/** Only proxies ask for absolute URLs and `*`, which Express cannot always parse; RFC 9112 wants a Host. */
function refusingOddTargets(app: RequestListener): RequestListener {
  return (req, res) => {
    if (req.url?.startsWith('/') && (req.headers.host !== undefined || req.httpVersion === '1.0')) return app(req, res);
    const detail = 'Ask for a path, such as /docs, and name the host in the header Host.';
    const { status, body, headers } = rawProblem(new HttpProblem('invalid_request', detail));
    res.writeHead(status, headers).end(body);
  };
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
      `Port ${port} on ${host} is in use; stop what listens there, or choose another by --port.`,
    );
  if (error.code === 'EACCES')
    return new PortUnavailable(
      `Port ${port} needs privileges that this user has not; choose one above 1023 by --port.`,
    );
  return error;
}

/** For those who want to know before they open anything else. Throws `PortUnavailable`. */
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

/** Node's parser refused it before there was a request. */
function answerClientError(error: NodeJS.ErrnoException, socket: Duplex): void {
  if (!socket.writable) return void socket.destroy();
  const { status, body, headers } = rawProblem(problemOf(error.code));
  const lines = Object.entries({ ...headers, Connection: 'close' }).map(([name, value]) => `${name}: ${value}\r\n`);
  socket.end(`HTTP/1.1 ${status} ${PROBLEMS.invalid_request.title}\r\n${lines.join('')}\r\n${body}`);
}

function problemOf(code: string | undefined): HttpProblem {
  if (code === 'HPE_HEADER_OVERFLOW')
    return new HttpProblem('headers_too_large', `All headers together may have ${MAX_HEADER_BYTES} bytes.`);
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT')
    return new HttpProblem('request_timeout', `A request must arrive within ${REQUEST_TIMEOUT_MS / 1000} s.`);
  return new HttpProblem('invalid_request', 'This is not HTTP/1.1.');
}

function rawProblem(problem: HttpProblem) {
  const body = JSON.stringify(problemDocument(problem, '/'));
  const headers = { 'Content-Type': 'application/problem+json', 'Content-Length': String(Buffer.byteLength(body)) };
  return { status: PROBLEMS[problem.code].status, body, headers };
}
