// Endpoints are data: infra/http mounts them on Express, generates OpenAPI from them, and enforces roles, limits and errors in
// one place.
import type { z } from 'zod';
import type { CommandMeta } from './command.js';
import type { SeenCommits } from './consistency.js';
import { Problem, type ProblemCode } from './errors.js';
import { existing } from './id.js';
import type { Role } from './role.js';
import type { Seal } from './seal.js';

export interface Caller {
  role: Role | 'public';
  /** Token subject, or `anonymous` for a request without a token. */
  id: string;
  /** For role `customer`: the customer whose data the request is about. A guest is a customer without an account. */
  customerId?: string;
  /** The customer has no account. */
  guest?: true;
  /** The session that the token belongs to. A token from the command line has no session. */
  sessionId?: string;
}

/** The customer or guest whose data the request is about. Throws `forbidden` for a token that names no customer. */
export function customerOf({ customerId }: Caller): string {
  if (customerId) return customerId;
  throw new Problem('forbidden', 'The token is not for a customer; POST /v1/sessions returns one that is.');
}

/** The customer whose data the caller may see. Undefined for support, which may see the data of all customers. */
export function ownerFor(caller: Caller): string | undefined {
  return caller.role === 'support' ? undefined : customerOf(caller);
}

/** What was found by the id. Throws `not_found` if there is nothing, or if the caller may not see it. */
export function visible<T extends { customerId: string }>(found: T | null | undefined, id: string, caller: Caller): T {
  const owner = ownerFor(caller);
  const isVisible = owner === undefined || found?.customerId === owner;
  return existing(isVisible ? found : undefined, id);
}

export interface EndpointRequest<P = unknown, Q = unknown, B = unknown> {
  params: P;
  query: Q;
  body: B;
  caller: Caller;
  requestId: string;
  /** Address of the client, as limits count it. */
  address: string;
  /** The commits that the caller has seen (`Consistency-Token`), and how long a query may wait for them (`Prefer: wait=N`). */
  seen: SeenCommits;
  waitMs: number;
  /** Seals the position in a list, from which the caller continues. It opens only for the same list with the same filters. */
  cursors: Seal;
  /**
   * Metadata for a command of this request. The id and `newId` derive from the caller and `Idempotency-Key`, so a repeated
   * request issues the same commands. `step` distinguishes several commands of one request.
   */
  command(step?: string): CommandMeta;
  newId(prefix: string): string;
  /** The raw body and its signature header, for endpoints with `signedBy`. */
  signed?: { body: Uint8Array; signature: string };
}

export interface Reply<R = unknown> {
  /** One of the statuses in the endpoint's `answers`. */
  status: number;
  body?: R;
  /** The JSON text of a long body, in parts. It is sent as it is made, so it is neither checked nor kept for repeats. */
  stream?: AsyncIterable<string>;
  /** Commits that this request made. They go into the `Consistency-Token` of the answer. */
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
  /** Details that do not fit the summary, in whole sentences. */
  description?: string;
  /** The roles that may call the endpoint. `public` needs no token. */
  roles: readonly (Role | 'public')[];
  /**
   * How a command treats an `Idempotency-Key`: `required` where money or stock moves, `ignored` where a token is issued. Queries
   * leave it out.
   */
  idempotency?: 'required' | 'accepted' | 'ignored';
  params?: z.ZodType<P>;
  /**
   * Throws `not_found` if the resource in the path does not exist or is not the caller's. It runs before an invalid body is
   * refused, so a refusal does not reveal what exists. A valid body goes to the handler, which looks up the resource itself.
   */
  find?(request: Pick<EndpointRequest<NoInfer<P>>, 'params' | 'caller'>): Promise<unknown>;
  query?: z.ZodType<Q>;
  body?: z.ZodType<B>;
  /** The limit that counts these requests by address, in addition to the limit on each caller. */
  limit?: 'session' | 'login' | 'coupon' | 'export' | 'webhook';
  /**
   * The answer is sent as server-sent events: at once, and again whenever it differs. `handle` runs several times for a request, so
   * it has to be cheap, and its answer has a version.
   */
  isWatched?: true;
  /** The header that signs the body. The body is then passed on raw, whatever it contains. */
  signedBy?: string;
  /** Schema per status. */
  answers: Record<number, z.ZodType>;
  /** Problems specific to this endpoint. Those that every endpoint may answer are not listed. */
  problems?: readonly ProblemCode[];
  handle(request: EndpointRequest<P, Q, B>): Promise<Reply>;
}

/** Infers the types of one endpoint from its schemas. */
export function endpoint<P, Q, B>(definition: Endpoint<P, Q, B>): Endpoint<P, Q, B> {
  return definition;
}
