// The API over HTTP: mounts the endpoints on Express, and answers requests that match no endpoint.
import express, { type ErrorRequestHandler, type Request, type RequestHandler, type Response } from 'express';
import type { Logger } from 'pino';
import type { Registry } from 'prom-client';
import type { Clock } from '../../domain/kernel/clock.js';
import type { Endpoint } from '../../domain/kernel/endpoint.js';
import { NotYetVisible } from '../../domain/kernel/errors.js';
import { type CountedLog, createCountedLog } from '../counted-log.js';
import type { Seals } from '../crypto/seals.js';
import type { IdempotencyStore } from '../idempotency/port.js';
import { randomId } from '../ids.js';
import type { Tracing } from '../tracing/port.js';
import { type AdmissionDeps, type Admit, createAdmission } from './admission.js';
import { type Answer, answerOfProblem, finish } from './answer.js';
import { authorise } from './caller.js';
import { type ConsistencyTokens, createConsistencyTokens } from './consistency-token.js';
import { contextOf, setContext } from './context.js';
import { allowOrigins } from './cross-origin.js';
import { requestIdOf } from './headers.js';
import { createHttpMetrics, type HttpMetrics } from './metrics.js';
import { handlerOf } from './mount.js';
import { createOnce } from './once.js';
import { HttpProblem, toHttpProblem } from './problems.js';
import { type Route, routing } from './routes.js';
import { createWatching } from './watch.js';

/** Answers by path, all for GET, beside the endpoints. */
export type Pages = Record<string, (req: Request, res: Response) => Promise<Answer>>;

export interface ApiDeps {
  endpoints: readonly Endpoint[];
  admission: AdmissionDeps;
  /** Origins whose scripts may use the API in browsers. Default: only the API's own origin. */
  corsOrigins?: readonly string[];
  idempotency: IdempotencyStore;
  seals: Pick<Seals, 'consistencyTokens' | 'cursors'>;
  pages: Pages;
  /** Nothing of an answer is sent before its end, as in a Lambda function. */
  isBuffered?: boolean;
  registry: Registry;
  clock: Clock;
  log: Logger;
  /** Absent: no spans. */
  tracing?: Pick<Tracing, 'request'>;
}

export function createApi(given: ApiDeps): express.Application {
  const { endpoints, admission, corsOrigins = [], idempotency, seals, pages, registry, clock, log, tracing } = given;
  const { isBuffered = false } = given;
  const metrics = createHttpMetrics(registry);
  const admit = createAdmission(admission);
  const countedLog = createCountedLog({ log, clock });
  const once = createOnce({ store: idempotency, clock, log: countedLog });

  const app = express().disable('x-powered-by').disable('etag');
  app.use(
    begin(metrics, createConsistencyTokens(seals.consistencyTokens), clock, tracing),
    ...allowOrigins(corsOrigins),
  );
  const deps = { admit, once, cursors: seals.cursors, metrics, clock, sendChanges: createWatching(isBuffered) };
  app.use(
    routing([
      ...endpointRoutes(endpoints, (endpoint) => handlerOf(endpoint, deps)),
      ...pageRoutes(pages, metrics, admit),
    ]),
  );
  app.use(refuseUnknown(admit));
  app.use(answerErrors(countedLog));
  return app;
}

function begin(
  metrics: HttpMetrics,
  tokens: ConsistencyTokens,
  clock: Clock,
  tracing: ApiDeps['tracing'],
): RequestHandler {
  const makeId = () => randomId(clock());
  return (req, res, next) => {
    const span = tracing?.request(req.get('traceparent'));
    setContext(res, {
      requestId: requestIdOf(req.headers, span ? () => span.idFor(makeId()) : makeId),
      startedAt: performance.now(),
      instance: req.path,
      tokens,
      seen: tokens.decode(undefined),
      observe: metrics.unmatched,
    });
    if (!span) return next();
    const end = () => {
      span.end(req.method, contextOf(res).route ?? 'unmatched', res.statusCode);
      res.off('finish', end).off('close', end);
    };
    // A request that is broken off only closes; in a function, it only finishes.
    res.on('finish', end).on('close', end);
    span.run(next);
  };
}

function endpointRoutes(endpoints: readonly Endpoint[], handler: (endpoint: Endpoint) => RequestHandler): Route[] {
  return [...new Set(endpoints.map(({ path }) => path))].map((path) => {
    const here = endpoints.filter((endpoint) => endpoint.path === path);
    const methods = Object.fromEntries(here.map((endpoint) => [endpoint.method, handler(endpoint)]));
    return { path, methods, otherwise: refuseMethod(Object.keys(methods)) };
  });
}

/** Paths without rate limits: machines poll them frequently. */
const UNLIMITED = new Set(['/healthz', '/readyz']);

/** Paths with internal information, for the role ops only. All other operational paths are public. */
const FOR_OPS = new Set(['/metrics']);

function pageRoutes(pages: Pages, metrics: HttpMetrics, admit: Admit): Route[] {
  return Object.entries(pages).map(([path, answer]) => {
    const observe = metrics.route('get', path);
    const handle: RequestHandler = async (req, res) => {
      const context = contextOf(res);
      context.observe = observe;
      context.route = path;
      if (!UNLIMITED.has(path)) authorise({ roles: [FOR_OPS.has(path) ? 'ops' : 'public'] }, await admit(req, res, {}));
      finish(res, await answer(req, res));
    };
    return { path, methods: { get: handle }, otherwise: refuseMethod(['get']) };
  });
}

function refuseMethod(methods: readonly string[]): RequestHandler {
  const allowed = ['OPTIONS', ...methods.map((method) => method.toUpperCase())];
  if (methods.includes('get')) allowed.push('HEAD');
  const Allow = allowed.sort().join(', ');
  return (req, res) => {
    if (req.method !== 'OPTIONS') throw new HttpProblem('method_not_allowed', `Allowed here: ${Allow}.`, { Allow });
    finish(res, { status: 204, headers: { Allow }, seen: [] });
  };
}

function refuseUnknown(admit: Admit): RequestHandler {
  return async (req, res) => {
    await admit(req, res, {});
    throw new HttpProblem('not_found', `There is no ${req.path}; /docs lists all paths.`);
  };
}

/** Express recognises an error handler by its four parameters. */
function answerErrors(log: CountedLog): ErrorRequestHandler {
  return (error, req, res, _next) => {
    const { requestId, instance, route } = contextOf(res);
    const problem = toHttpProblem(error);
    // A path may have a secret, such as the token of a mail; the route has none.
    const request = { requestId, method: req.method, path: route ?? instance };
    const failure = { ...request, err: error };
    if (problem.code === 'internal_error') log.error(failure, 'a request failed with an internal error');
    else if (error instanceof NotYetVisible) log.warn(request, `a read model is behind: ${error.message}`);
    else if (problem.code === 'unavailable') log.warn(failure, 'a request failed because an engine is away');
    if (res.headersSent) res.destroy();
    else finish(res, answerOfProblem(problem, instance));
  };
}
