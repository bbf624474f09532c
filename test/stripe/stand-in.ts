// Stripe's payments API for tests. The unmodified `stripe` package calls it over HTTP on loopback. It keeps its state in memory,
// follows a clock that a test may set, and injects the faults that a test requests.
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import Stripe from 'stripe';
import { defined } from '../../domain/kernel/json.js';
import type { StripeConnection } from '../../infra/payments/stripe.js';
import { the } from '../the.js';
import { StripeRefusal } from './errors.js';
import { type Form, parseForm, texts } from './form.js';
import { type Answer, createIdempotency } from './idempotency.js';
import {
  type Books,
  createBooks,
  type Dispute,
  type PaymentIntent,
  type Refund,
  type StripeEvent,
  type StripeObject,
} from './objects.js';
import { stripeContract } from './openapi.js';
import { createPaymentIntents } from './payment-intents.js';
import { createPaymentMethods } from './payment-methods.js';
import { createRefunds } from './refunds.js';
import { createRoutes } from './routes.js';

export interface StripeStandIn extends Required<StripeConnection> {
  /** Every request, oldest first. */
  requests: readonly RecordedRequest[];
  /**
   * The next matching request (`POST /v1/refunds`) meets this fault; further faults wait for later requests. The `stripe`
   * package itself retries a broken connection once, so such a fault must be injected twice to be visible.
   */
  inject(on: RegExp, ...faultsInTurn: Fault[]): void;
  /** Removes IC+ pricing from the account. Every request for multicapture is then rejected. */
  withdrawMulticapture(): void;
  /** The customer answers 3-D Secure. */
  authenticate(paymentIntentId: string, outcome: 'succeed' | 'fail'): PaymentIntent;
  /** The bank accepts or returns a refund. */
  settleRefund(refundId: string, status: 'succeeded' | 'failed'): Refund;
  dispute(paymentIntentId: string, status?: Dispute['status']): Dispute;
  /** An inquiry of the bank becomes a dispute that takes the money. */
  escalate(disputeId: string): void;
  closeDispute(disputeId: string, status: 'lost' | 'won'): Dispute;
  /** Expires authorisations that are due by the clock. Every request does so first. */
  tick(): void;
  /** Fails if an answer or an event differed from Stripe's own document. */
  stop(): Promise<void>;
}

export interface RecordedRequest {
  method: string;
  path: string;
  idempotencyKey: string | undefined;
  /** The parameters as text. */
  params: Form;
  /** Missing if no answer was given yet. */
  status?: number;
  replayed?: true;
}

/**
 * `no connection`: cut before the work. `reply lost`: cut after it. `rate limited`: 429, which is not kept under the key.
 * `error`: 500 without work, and `error after the work`; Stripe keeps both under the key. A promise: the answer waits for it.
 */
export type Fault =
  | 'no connection'
  | 'reply lost'
  | 'rate limited'
  | 'error'
  | 'error after the work'
  | Promise<unknown>;

export async function startStripe({ clock = Date.now, seed = 'stripe' } = {}): Promise<StripeStandIn> {
  const secretKey = 'sk_test_stand_in';
  const seconds = () => Math.floor(clock() / 1000);
  const books = createBooks(seed, seconds);
  const idempotently = createIdempotency(seconds);
  const contract = stripeContract();
  const faults: { on: RegExp; fault: Fault }[] = [];
  const requests: RecordedRequest[] = [];
  const violations: string[] = [];
  const nobody = { id: null, idempotency_key: null };
  let current: { id: string | null; idempotency_key: string | null } = nobody;

  function emit(type: string, object: StripeObject, previous?: object): void {
    const event = books.put<StripeEvent>({
      ...books.common('event', 'evt'),
      api_version: Stripe.API_VERSION,
      data: { object: structuredClone(object), ...defined({ previous_attributes: previous }) },
      livemode: false,
      pending_webhooks: 0,
      request: current,
      type,
    });
    for (const sent of [event, event.data.object]) {
      const fault = contract?.faultOf(undefined, sent);
      if (fault) violations.push(`${type}: ${fault}`);
    }
  }

  const methods = createPaymentMethods(books, emit);
  const intents = createPaymentIntents(books, methods, emit, seconds);
  const refunds = createRefunds(books, methods, emit);
  const routeOf = createRoutes({ books, intents, methods, refunds });

  async function respond(request: IncomingMessage, recorded: RecordedRequest, id: string, fault: Fault | undefined) {
    const { method, path, params, idempotencyKey: key } = recorded;
    if (request.headers.authorization !== `Bearer ${secretKey}`) {
      throw new StripeRefusal(401, { type: 'invalid_request_error', message: 'Invalid API Key provided.' });
    }
    const route = routeOf(method, path);
    if (!route) {
      const message = `Unrecognized request URL (${method}: ${path}).`;
      throw new StripeRefusal(404, { type: 'invalid_request_error', message });
    }
    if (fault === 'rate limited') throw RATE_LIMITED;
    const refusal = contract?.refusalOf(route.name, params);
    if (refusal) throw refusal;

    async function work(): Promise<Answer> {
      if (fault instanceof Promise) await fault;
      if (fault === 'error') return answerOf(API_ERROR);
      current = { id, idempotency_key: key ?? null };
      try {
        const result = expanded(the(route).handle(params, the(route).id), texts(params, 'expand'), books);
        return fault === 'error after the work'
          ? answerOf(API_ERROR)
          : { status: 200, body: JSON.stringify(result, null, 2) };
      } catch (error) {
        if (error instanceof StripeRefusal) return answerOf(error);
        throw error;
      } finally {
        current = nobody;
      }
    }

    return method === 'POST' && key ? idempotently(key, path, JSON.stringify(params), work) : work();
  }

  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const id = books.newId('req');
    const recorded = await record(request);
    requests.push(recorded);
    intents.lapse();
    const at = faults.findIndex(({ on }) => on.test(`${recorded.method} ${recorded.path}`));
    const fault = at < 0 ? undefined : the(faults.splice(at, 1)[0]).fault;
    if (fault === 'no connection') return void request.socket.destroy();
    const answer = await respond(request, recorded, id, fault).catch((error: unknown) => {
      if (error instanceof StripeRefusal) return answerOf(error);
      violations.push(`${recorded.method} ${recorded.path}: ${error instanceof Error ? error.stack : error}`);
      return answerOf(API_ERROR);
    });
    const wrong = contract?.faultOf(routeOf(recorded.method, recorded.path)?.name, JSON.parse(answer.body));
    if (wrong) violations.push(`${recorded.method} ${recorded.path}: ${wrong}`);
    if (fault === 'reply lost') return void request.socket.destroy();
    recorded.status = answer.status;
    if (answer.replayed) recorded.replayed = true;
    response.writeHead(answer.status, {
      'content-type': 'application/json',
      'request-id': id,
      'stripe-version': Stripe.API_VERSION,
      ...(recorded.idempotencyKey && { 'idempotency-key': recorded.idempotencyKey }),
      ...(answer.replayed && { 'idempotent-replayed': 'true' }),
    });
    response.end(answer.body);
  }

  const server = createServer((request, response) => void serve(request, response));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');

  return {
    apiUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    secretKey,
    requests,
    inject: (on, ...inTurn) => void faults.push(...inTurn.map((fault) => ({ on, fault }))),
    withdrawMulticapture: intents.withdrawMulticapture,
    authenticate: intents.authenticate,
    settleRefund: refunds.settle,
    dispute: refunds.dispute,
    escalate: refunds.escalate,
    closeDispute: refunds.closeDispute,
    tick: intents.lapse,
    async stop() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
      if (violations.length > 0) throw new Error(`Not as Stripe's document has it:\n${violations.join('\n')}`);
    },
  };
}

const RATE_LIMITED = new StripeRefusal(429, {
  type: 'invalid_request_error',
  code: 'rate_limit',
  message: 'Too many requests hit the API too quickly. We recommend an exponential backoff of your requests.',
});

const API_ERROR = new StripeRefusal(500, { type: 'api_error', message: 'An unknown error occurred.' });

function answerOf({ status, body }: StripeRefusal): Answer {
  return { status, body: JSON.stringify({ error: body }, null, 2) };
}

async function record(request: IncomingMessage): Promise<RecordedRequest> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk);
  const [path, query] = (request.url ?? '').split('?') as [string, string | undefined];
  const key = request.headers['idempotency-key'];
  return {
    method: request.method ?? '',
    path,
    idempotencyKey: typeof key === 'string' ? key : undefined,
    params: parseForm(request.method === 'POST' ? Buffer.concat(chunks).toString() : (query ?? '')),
  };
}

/** The answer with the requested objects (`latest_charge`, `data.payment_intent`) in place of their ids. */
function expanded(answer: object, paths: readonly string[], books: Books): object {
  const copy = structuredClone(answer);
  for (const path of paths) expandOne(copy as Record<string, unknown>, path.split('.'), books);
  return copy;
}

function expandOne(within: Record<string, unknown>, [field, ...rest]: string[], books: Books): void {
  if (field === undefined) return;
  const value = within[field];
  if (typeof value === 'string') within[field] = structuredClone(books.find(value)) ?? value;
  const inner = within[field];
  for (const next of Array.isArray(inner) ? inner : [inner]) {
    if (typeof next === 'object' && next !== null) expandOne(next as Record<string, unknown>, rest, books);
  }
}
