// CORS: scripts of other origins may do nothing, or what the configured origins may. Access uses bearer tokens and no cookies, so
// no credentials are shared.
import cors from 'cors';
import type { RequestHandler } from 'express';
import { finish } from './answer.js';
import { CORS_MAX_AGE_S } from './limits.js';

const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'];

const REQUEST_HEADERS = [
  'Authorization',
  'Consistency-Token',
  'Content-Type',
  'Idempotency-Key',
  'If-Match',
  'If-None-Match',
  'Prefer',
  'X-Request-Id',
];

const ANSWER_HEADERS = [
  'Consistency-Token',
  'ETag',
  'Idempotency-Replayed',
  'Location',
  'RateLimit',
  'RateLimit-Policy',
  'Retry-After',
  'X-Request-Id',
];

/** `['*']` means every origin. Requests of other origins, and requests without an origin, get no CORS headers. */
export function allowOrigins(origins: readonly string[]): RequestHandler[] {
  if (origins.length === 0) return [];
  const isAllowed = (origin: string | undefined) =>
    origin !== undefined && (origins.includes('*') || origins.includes(origin));
  const say = cors({
    origin: (origin, done) => done(null, isAllowed(origin) && origin),
    methods: METHODS,
    allowedHeaders: REQUEST_HEADERS,
    exposedHeaders: ANSWER_HEADERS,
    maxAge: CORS_MAX_AGE_S,
    preflightContinue: true, // so that the answer has the common headers
  });
  const vary: RequestHandler = (_req, res, next) => {
    res.vary('Origin');
    next();
  };
  /** Answers preflights on any path. For an unknown path the actual request gets the error. */
  const answerPreflight: RequestHandler = (req, res, next) => {
    const isPreflight = req.method === 'OPTIONS' && req.get('access-control-request-method') !== undefined;
    if (isPreflight && isAllowed(req.get('origin'))) finish(res, { status: 204, headers: {}, seen: [] });
    else next();
  };
  return [vary, say, answerPreflight];
}
