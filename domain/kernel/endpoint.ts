// Endpoints are data: infra/http mounts them on Express, makes OpenAPI of them, and enforces roles, limits and errors in one place.
import type { z } from 'zod';
import type { CommandMeta } from './command.js';
import type { SeenCommits } from './consistency.js';
import { Problem, type ProblemCode } from './errors.js';
import type { Role } from './role.js';
import type { Seal } from './seal.js';

export interface Caller {
  role: Role | 'public';
  /** Token subject; a request without a token has `anonymous`. */
  id: string;
  /** The customer whose data is meant, for role `customer`; a guest is a customer without an account. */
  customerId?: string;
  /** The customer has no account. */
  guest?: true;
  /** The session that the token belongs to; a token from the command line has none. */
  sessionId?: string;
}

/** Whose data a customer's or guest's request is about. Throws `forbidden` for a token that names nobody. */
export function customerOf({ customerId }: Caller): string {
  if (customerId) return customerId;
  throw new Problem('forbidden', 'The token names no customer; POST /v1/sessions gives one that does.');
}

export interface EndpointRequest<P = unknown, Q = unknown, B = unknown> {
  params: P;
  query: Q;
  body: B;
  caller: Caller;
  requestId: string;
  /** The commits that the caller has seen (`Consistency-Token`), and how long a query may wait for them (`Prefer: wait=N`). */
  seen: SeenCommits;
  waitMs: number;
  /** Seals where the caller reads on in a list; opens it for the same list with the same filters alone. */
  cursors: Seal;
  /**
   * Metadata for a command of this request. The id and `newId` derive from caller and `Idempotency-Key`, so that a
   * repeat of the request issues the same commands; `step` tells several commands of one request apart.
   */
  command(step?: string): CommandMeta;
  newId(prefix: string): string;
  /** The body as it came, and the header that signs it: of endpoints that say `signedBy`. */
  signed?: { body: Uint8Array; signature: string };
}

export interface Reply<R = unknown> {
  /** One of the endpoint's answers. */
  status: number;
  body?: R;
  /** Commits that this request made; they go into the answer's `Consistency-Token`. */
  seen?: Iterable<readonly [`${string}#${string}`, number]>;
  /** Version of the stream behind the answer (`ETag`). */
  version?: number;
  headers?: Record<string, string>;
}

export interface Endpoint<P = unknown, Q = unknown, B = unknown> {
  method: 'get' | 'post' | 'put' | 'patch' | 'delete';
  /** OpenAPI style: `/v1/carts/{id}/lines`. */
  path: string;
  summary: string;
  /** What the summary has no room for, in whole sentences. */
  description?: string;
  /** Who may call; `public` needs no token. */
  roles: readonly (Role | 'public')[];
  /** Commands take an `Idempotency-Key`: `required` where money or stock moves, `ignored` where a token is minted. Queries leave it out. */
  idempotency?: 'required' | 'accepted' | 'ignored';
  params?: z.ZodType<P>;
  /**
   * Throws `not_found` if what the path names does not exist or is not the caller's. It is asked before a body is refused,
   * so that nobody learns from a refusal what exists; a body that is right goes to the handler, which looks itself.
   */
  find?(request: Pick<EndpointRequest<NoInfer<P>>, 'params' | 'caller'>): Promise<unknown>;
  query?: z.ZodType<Q>;
  body?: z.ZodType<B>;
  /** What its requests are counted as by address, beside the requests of each caller. */
  limit?: 'session' | 'login' | 'coupon' | 'webhook';
  /** The header that signs the body, which is then handed over as it came, whatever it holds. */
  signedBy?: string;
  /** Schema per status. */
  answers: Record<number, z.ZodType>;
  /** Its own refusals; those that any endpoint may answer go without saying. */
  problems?: readonly ProblemCode[];
  handle(request: EndpointRequest<P, Q, B>): Promise<Reply>;
}

/** Infers the types of one endpoint from its schemas. */
export function endpoint<P, Q, B>(definition: Endpoint<P, Q, B>): Endpoint<P, Q, B> {
  return definition;
}
