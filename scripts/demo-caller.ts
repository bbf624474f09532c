// Those who take part in `commerce demo`: they talk to the running product over HTTP, and each exchange is told.

/** How long a query may wait until it shows what was done before. */
const CATCH_UP_S = 30;

/** What the running product does not do as the story goes: the message says what to do about it. */
export class DemoFailed extends Error {
  override name = 'DemoFailed';
}

export interface Exchange {
  who: string;
  method: string;
  path: string;
  body?: unknown;
  status: number;
  answer: unknown;
  /** What matters of the answer, by name. */
  shown: Readonly<Record<string, unknown>>;
}

export interface Expected<A> {
  body?: unknown;
  /** Otherwise any success will do. */
  status?: number;
  shows?: (answer: A) => Readonly<Record<string, unknown>>;
}

/** Asks as one person; resolves to the answer. Throws `DemoFailed` if it is another than the story needs. */
export type Ask = <A = unknown>(request: `${Method} /${string}`, expected?: Expected<A>) => Promise<A>;

type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';

/**
 * All of them see what any of them has done: each request carries the consistency token of the answer before. `run`
 * begins the idempotency keys.
 */
export function createCast(url: string, run: string, tell: (exchange: Exchange) => void) {
  let seen: string | undefined;
  let requests = 0;

  async function send(method: string, path: string, body: unknown, token: string | undefined) {
    const response = await fetch(url + path, {
      method,
      headers: {
        Prefer: `wait=${CATCH_UP_S}`,
        ...(method !== 'GET' && { 'Idempotency-Key': `${run}-${requests++}` }),
        ...(token !== undefined && { Authorization: `Bearer ${token}` }),
        ...(seen !== undefined && { 'Consistency-Token': seen }),
        ...(body !== undefined && { 'Content-Type': 'application/json' }),
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    seen = response.headers.get('consistency-token') ?? seen;
    const text = await response.text();
    return { status: response.status, answer: text === '' ? undefined : JSON.parse(text) };
  }

  return function join(who: string, token?: string): Ask {
    return async (request, { body, status: wanted, shows } = {}) => {
      const [method, path] = request.split(' ') as [string, string];
      const { status, answer } = await send(method, path, body, token);
      const isExpected = wanted === undefined ? status < 300 : status === wanted;
      const shown = isExpected ? (shows?.(answer) ?? {}) : problemOf(answer);
      tell({ who, method, path, ...(body !== undefined && { body }), status, answer, shown });
      if (!isExpected) throw new DemoFailed(failureOf(request, status, answer));
      return answer;
    };
  };
}

/** Resolves if the product runs there, and can do what it is asked to. */
export async function requireReady(url: string): Promise<void> {
  const begin = `Start it in another terminal with \`npm start\`, or say with --url where it runs.`;
  let response: Response;
  try {
    response = await fetch(`${url}/readyz`);
  } catch {
    throw new DemoFailed(`Nothing answers at ${url}. ${begin}`);
  }
  const said = await response.text();
  if (response.status === 404) throw new DemoFailed(`What answers at ${url} is something else. ${begin}`);
  if (!response.ok) throw new DemoFailed(`The product at ${url} is not ready yet; try again soon. It says: ${said}`);
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
    return `${request}: the product has another token key; give --data and --profile as its start has them.`;
  const { code = '', detail = 'no detail' } = (answer ?? {}) as ProblemAnswer;
  return `The story ends here: ${request} was answered with ${status} ${code}: ${detail}`;
}
