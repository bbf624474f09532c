// The context of every request from its first moment, also of a request that fails before it reaches an endpoint.
import type { Response } from 'express';
import type { SeenCommits } from '../../domain/kernel/consistency.js';
import type { ConsistencyTokens } from './consistency-token.js';
import type { Observe } from './metrics.js';

export interface RequestContext {
  requestId: string;
  /** A time of `performance.now()`. */
  startedAt: number;
  /** The requested path. */
  instance: string;
  /** Address of the client, once the request is admitted. */
  address?: string;
  tokens: ConsistencyTokens;
  seen: SeenCommits;
  observe: Observe;
  /** The path of the endpoint, with its parameters as such. Absent until the request has matched one. */
  route?: string;
  /** The headers that report the caller's remaining rate limits. */
  rateLimits?: Record<string, string>;
}

export function setContext(res: Response, context: RequestContext): void {
  res.locals = context as unknown as Record<string, unknown>;
}

export function contextOf(res: Response): RequestContext {
  return res.locals as unknown as RequestContext;
}
