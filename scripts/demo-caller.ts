// The participants of `commerce demo`. They call the running product over HTTP, and each exchange is printed.
import { OperatorError } from '../domain/kernel/errors.js';
import { defined } from '../domain/kernel/json.js';

/** How long a query may wait until it shows earlier changes. */
const CATCH_UP_S = 30;

const BEGIN = 'Start it in another terminal with `npm start`, or give its address with --url.';

/** Only the built-in test provider has this endpoint. */
const AUTHENTICATE = '/v1/test-payments/{paymentId}/authenticate';

/** The running product does not behave as the story expects. The message says what to do. */
export class DemoFailed extends OperatorError {
  override name = 'DemoFailed';
}

export interface Exchange {
  who: string;
  method: string;
  path: string;
  body?: unknown;
  status: number;
  answer: unknown;
  /** The important parts of the answer, by name. */
  shown: Readonly<Record<string, unknown>>;
}

export interface Expected<A> {
  body?: unknown;
  /** Without it any success status is accepted. */
  status?: number;
  shows?: (answer: A) => Readonly<Record<string, unknown>>;
}

/** Sends a request as one person and resolves to the answer. Throws `DemoFailed` if the story needs another answer. */
export type Ask = <A = unknown>(request: `${Method} /${string}`, expected?: Expected<A>) => Promise<A>;

type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';

/**
 * Every participant sees the changes of all others: each request has the consistency token of the previous answer. `run` is the
 * prefix of the idempotency keys.
 */
export function createCast(url: string, run: string, tell: (exchange: Exchange) => void) {
  let seen: string | undefined;
  let requests = 0;

  async function send(method: string, path: string, body: unknown, token: string | undefined) {
    const { status, headers, text } = await reach(url, path, {
      method,
      headers: {
        Prefer: `wait=${CATCH_UP_S}`,
        ...defined({
          'Idempotency-Key': method !== 'GET' ? `${run}-${requests++}` : undefined,
          Authorization: token !== undefined ? `Bearer ${token}` : undefined,
          'Consistency-Token': seen,
          'Content-Type': body !== undefined ? 'application/json' : undefined,
        }),
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    seen = headers.get('consistency-token') ?? seen;
    return { status, answer: text === '' ? undefined : JSON.parse(text) };
  }

  return function join(who: string, token?: string): Ask {
    return async (request, { body, status: wanted, shows } = {}) => {
      const [method, path] = request.split(' ') as [string, string];
      const { status, answer } = await send(method, path, body, token);
      const isExpected = wanted === undefined ? status < 300 : status === wanted;
      const shown = isExpected ? (shows?.(answer) ?? {}) : problemOf(answer);
      tell({ who, method, path, ...defined({ body }), status, answer, shown });
      if (!isExpected) throw new DemoFailed(failureOf(request, status, answer));
      return answer;
    };
  };
}

/** Resolves if the product runs there and has what the story needs. */
export async function requireReady(url: string): Promise<void> {
  const { status, text } = await reach(url, '/readyz');
  if (status === 404) throw new DemoFailed(`Another program answers at ${url}. ${BEGIN}`);
  if (status !== 200)
    throw new DemoFailed(`The product at ${url} is not ready yet; try again soon. Its answer: ${text}`);
  const openapi = await reach(url, '/openapi.json');
  if (openapi.text.includes(AUTHENTICATE)) return;
  throw new DemoFailed(
    `The shop at ${url} does not use the built-in test provider; start it without STRIPE_SECRET_KEY.`,
  );
}

async function reach(url: string, path: string, init: RequestInit = {}) {
  try {
    const response = await fetch(url + path, init);
    return { status: response.status, headers: response.headers, text: await response.text() };
  } catch {
    throw new DemoFailed(`Nothing answers at ${url}. ${BEGIN}`);
  }
}

interface ProblemAnswer {
  code?: string;
  detail?: string;
}

function problemOf(answer: unknown): Record<string, unknown> {
  const { code, detail } = (answer ?? {}) as ProblemAnswer;
  return { code, detail };
}

function failureOf(request: string, status: number, answer: unknown): string {
  if (status === 401)
    return `${request}: the product uses another token key; use the same --data and --profile as its \`start\`.`;
  const { code = '', detail = 'no detail' } = (answer ?? {}) as ProblemAnswer;
  return `The story ends here: ${request} was answered with ${status} ${code}: ${detail}`;
}
