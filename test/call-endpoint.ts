// Calls endpoints as functions, validated as the HTTP mount does it.
import { randomBytes } from 'node:crypto';
import type { Clock } from '../domain/kernel/clock.js';
import type { ExpectedVersion } from '../domain/kernel/command.js';
import type { Caller, Endpoint, EndpointRequest, Reply } from '../domain/kernel/endpoint.js';
import { isProblem, type Problem, type ProblemCode } from '../domain/kernel/errors.js';
import { defined } from '../domain/kernel/json.js';
import type { StreamId } from '../domain/kernel/stream.js';
import { createSeals } from '../infra/crypto/seals.js';
import { the } from './the.js';

export interface Call {
  body?: unknown;
  query?: Record<string, string>;
  caller?: Caller;
  /** Of the client. */
  address?: string;
  seen?: ReadonlyMap<StreamId, number>;
  /** A repeat with the same key issues the same commands and ids, with the time of the first call. */
  key?: string;
  issuedAt?: number;
  expectedVersion?: ExpectedVersion;
  signed?: EndpointRequest['signed'];
}

// biome-ignore lint/suspicious/noExplicitAny: tests look into bodies of every shape.
export type Answer = Omit<Reply, 'body'> & { body: any };

let keys = 0;

const seals = createSeals(randomBytes(32));

/** `call('post /v1/carts/cart_1/lines', {…})` */
export function callerOf(endpoints: readonly Endpoint[], clock: Clock = Date.now) {
  return async (target: string, call: Call = {}): Promise<Answer> => {
    const [method, path] = target.split(' ') as [string, string];
    const { endpoint, params } = find(endpoints, method, path);
    const key = call.key ?? `key-${keys++}`;
    const caller = call.caller ?? { role: 'public', id: 'anonymous' };
    let made = 0;
    const request: EndpointRequest = {
      params: endpoint.params ? endpoint.params.parse(params) : {},
      query: endpoint.query ? endpoint.query.parse(call.query ?? {}) : {},
      body: endpoint.body?.parse(call.body),
      caller,
      requestId: 'request',
      address: call.address ?? '192.0.2.1',
      seen: call.seen ?? new Map(),
      waitMs: 0,
      cursors: seals.cursors(JSON.stringify([endpoint.path, params])),
      command: (step = '') => ({
        id: `${key} ${step}`,
        issuedAt: call.issuedAt ?? clock(),
        correlationId: 'request',
        actor: { type: 'customer', id: caller.id },
        ...defined({ expectedVersion: call.expectedVersion }),
      }),
      newId: (prefix) => `${prefix}_${key}-${made++}`,
      ...defined({ signed: call.signed }),
    };
    const reply = (await endpoint.handle(request)) as Answer;
    the(endpoint.answers[reply.status]).parse(reply.body);
    return reply;
  };
}

/** The problem that a call rejects with. */
export async function problemOf<C extends ProblemCode>(call: Promise<unknown>, code: C): Promise<Problem<C>> {
  const error = await call.then(
    () => new Error('It was not refused.'),
    (caught: unknown) => caught,
  );
  if (isProblem(error, code)) return error;
  throw error;
}

function find(endpoints: readonly Endpoint[], method: string, path: string) {
  for (const endpoint of endpoints) {
    const pattern = new RegExp(`^${endpoint.path.replaceAll(/\{(\w+)\}/g, '(?<$1>[^/]+)')}$`);
    const match = endpoint.method === method ? pattern.exec(path) : null;
    if (match) return { endpoint, params: { ...match.groups } };
  }
  throw new Error(`No endpoint takes ${method} ${path}.`);
}
