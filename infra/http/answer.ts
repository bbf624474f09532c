// An answer as it is sent to the caller, and as an idempotency record keeps it.
import { once } from 'node:events';
import type { Response } from 'express';
import { mergeSeen } from '../../domain/kernel/consistency.js';
import type { Reply } from '../../domain/kernel/endpoint.js';
import { defined } from '../../domain/kernel/json.js';
import type { StreamId } from '../../domain/kernel/stream.js';
import { jsonHashOf, jsonOf } from '../kept-json.js';
import { contextOf } from './context.js';
import { entityTag } from './entity-tags.js';
import { ANSWER_TIMEOUT_MS } from './limits.js';
import { closingUnread } from './lingering.js';
import { type HttpProblem, PROBLEMS, problemDocument } from './problems.js';

export interface Answer {
  status: number;
  headers: Record<string, string>;
  /** Absent without a body. */
  body?: string;
  /** A long body, in parts. */
  stream?: AsyncIterable<string>;
  /** Commits that the request made. */
  seen: (readonly [StreamId, number])[];
}

/** Security headers: browsers must not sniff, frame, execute or cache answers, or send a referrer. */
const COMMON_HEADERS = {
  'Cache-Control': 'no-store',
  'Content-Security-Policy': "default-src 'none'; frame-ancestors 'none'",
  'Referrer-Policy': 'no-referrer',
  'Strict-Transport-Security': 'max-age=31536000; includeSubDomains',
  'X-Content-Type-Options': 'nosniff',
};

export function answerOf({ status, body, stream, seen = [], version, headers }: Reply): Answer {
  const text = body === undefined ? undefined : jsonOf(body);
  const all = { ...headers };
  if (version !== undefined) all.ETag = entityTag(version, text === undefined ? undefined : jsonHashOf(body, text));
  if (text === undefined && !stream) return { status, headers: all, seen: [...seen] };
  all['Content-Type'] = 'application/json; charset=utf-8';
  return { status, headers: all, seen: [...seen], ...defined({ body: text, stream }) };
}

/** The 304 answer for a caller that already has this answer. */
export function notModified({ headers, seen }: Answer): Answer {
  const { 'Content-Type': _, ...lasting } = headers;
  return { status: 304, headers: lasting, seen };
}

export function answerOfProblem(problem: HttpProblem, instance: string): Answer {
  const { status } = PROBLEMS[problem.code];
  const headers = { ...problem.headers, 'Content-Type': 'application/problem+json' };
  return { status, headers, body: JSON.stringify(problemDocument(problem, instance)), seen: [...problem.seen] };
}

/**
 * Sends an answer whose body comes in parts. Rejects if a part cannot be made; after the first part only the connection can still
 * be broken off. A client that stops to read is cut off.
 */
export async function finishInParts(res: Response, answer: Answer, stream: AsyncIterable<string>): Promise<void> {
  const { startedAt, observe } = contextOf(res);
  for await (const part of stream) {
    if (!res.headersSent) startAnswer(res, answer);
    // In a Lambda function the response is in memory. It never drains, and returns nothing.
    if (res.write(part) === false && !(await isDrained(res))) return void res.destroy();
  }
  res.end();
  observe(answer.status, startedAt);
}

/** Sends the status and the headers of an answer whose body comes in parts. */
export function startAnswer(res: Response, answer: Answer): void {
  res.writeHead(answer.status, headersOf(res, answer));
}

function isDrained(res: Response): Promise<boolean> {
  const drained = once(res, 'drain', { signal: AbortSignal.timeout(ANSWER_TIMEOUT_MS) });
  return drained.then(
    () => true,
    () => false,
  );
}

/** Sends the answer. Adds the commits of this request to the caller's consistency token. */
export function finish(res: Response, answer: Answer): void {
  const { startedAt, observe } = contextOf(res);
  const headers = headersOf(res, answer);
  if (answer.body !== undefined) headers['Content-Length'] = Buffer.byteLength(answer.body);
  res.writeHead(answer.status, headers).end(answer.body);
  observe(answer.status, startedAt);
}

function headersOf(res: Response, answer: Answer): Record<string, string | number> {
  const { requestId, tokens, seen, rateLimits } = contextOf(res);
  return {
    ...COMMON_HEADERS,
    'X-Request-Id': requestId,
    'Consistency-Token': tokens.encode(answer.seen.length === 0 ? seen : mergeSeen(answer.seen, seen)),
    ...rateLimits,
    ...answer.headers,
    ...closingUnread(res.req),
  };
}
