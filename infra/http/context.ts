// What every request has from its first moment on, also one that ends in an error before it reaches an endpoint.
import type { Response } from 'express';
import type { SeenCommits } from '../../domain/kernel/consistency.js';
import type { ConsistencyTokens } from './consistency-token.js';
import type { Observe } from './metrics.js';

export interface RequestContext {
  requestId: string;
  /** `performance.now()`. */
  startedAt: number;
  /** The path that was asked for. */
  instance: string;
  tokens: ConsistencyTokens;
  seen: SeenCommits;
  observe: Observe;
  /** The headers that say what is left of the caller's limits. */
  rateLimits?: Record<string, string>;
}

export function setContext(res: Response, context: RequestContext): void {
  res.locals = context as unknown as Record<string, unknown>;
}

export function contextOf(res: Response): RequestContext {
  return res.locals as unknown as RequestContext;
}
