// The paths for operators and browsers beside the API: index page, health, readiness, metrics, the OpenAPI document and its page.
import type { Request, Response } from 'express';
import type { Registry } from 'prom-client';
import { unlessEmpty } from '../../domain/kernel/collections.js';
import type { Endpoint } from '../../domain/kernel/endpoint.js';
import { defined } from '../../domain/kernel/json.js';
import type { Away } from '../../projections/runtime/lane.js';
import { type Answer, answerOf, answerOfProblem } from './answer.js';
import { consoleFiles } from './console.js';
import { contextOf } from './context.js';
import { referenceFiles, welcomePage } from './docs.js';
import { openApiDocument } from './openapi.js';
import { HttpProblem } from './problems.js';

/** Current outages. */
export interface Outages {
  /** The engines that do not answer, and without which no command works. */
  away: readonly string[];
  /** The stores of read models that do not answer. */
  storesAway?: readonly string[];
  /** The projections of this process that cannot progress. */
  standingStill: readonly Away[];
  /** False while the read models do not yet show what was in the log at the start. */
  isReady?: boolean;
  /** The projections that do not show it yet. */
  behind?: readonly string[];
}

export type Readiness = () => Promise<Outages>;

export interface OperationsDeps {
  endpoints: readonly Endpoint[];
  readiness: Readiness;
  registry: Registry;
  /** The JSON Web Key Set with which others verify access tokens. */
  tokenKeys?: () => object;
}

/** How long others may keep the keys of access tokens, in seconds: not longer than a token is valid. */
const KEYS_MAX_AGE_S = 300;

const RETRY_AFTER_S = '5';

const WELCOME = {
  name: 'commerce-core',
  description: 'A commerce backend: carts, orders, payments, stock and a catalogue, over a REST API.',
  docs: '/docs',
  openapi: '/openapi.json',
  api: '/v1',
};

/** Answers by path, all for GET. */
export function operations({ endpoints, readiness, registry, tokenKeys = () => ({ keys: [] }) }: OperationsDeps) {
  const document = lazily(() => openApiDocument(endpoints));
  const json = lazily(() => JSON.stringify(document(), undefined, 2));

  async function welcome(req: Request, res: Response): Promise<Answer> {
    res.vary('Accept');
    const isForPeople = req.accepts(['application/json', 'text/html']) === 'text/html';
    return isForPeople ? html(welcomePage(WELCOME)) : answerOf({ status: 200, body: WELCOME });
  }

  return {
    '/': welcome,
    '/v1': welcome,
    '/healthz': async () => answerOf({ status: 200, body: { status: 'up' } }),
    '/readyz': async (_req, res) => {
      const state = stateOf(await readiness());
      if (state.isReady) return answerOf({ status: 200, body: { status: 'ready', ...state.told } });
      const headers = { 'Retry-After': RETRY_AFTER_S };
      const { instance } = contextOf(res);
      return answerOfProblem(new HttpProblem('unavailable', state.detail, headers, state.told), instance);
    },
    '/metrics': async () => text(registry.contentType, await registry.metrics()),
    '/.well-known/jwks.json': async () =>
      answerOf({ status: 200, body: tokenKeys(), headers: { 'Cache-Control': `public, max-age=${KEYS_MAX_AGE_S}` } }),
    '/openapi.json': async () => text('application/json; charset=utf-8', json()),
    ...referenceFiles(document),
    ...consoleFiles(),
  } satisfies Record<string, (req: Request, res: Response) => Promise<Answer>>;
}

/**
 * Ready means that this process can serve: the log and the stores of commands answer, and the read models have shown once what was
 * in the log at the start. A store of read models that is away only fails its own queries: it is reported as degraded. The error
 * messages go only to the log, because they may contain internal information.
 */
function stateOf({ away, storesAway = [], standingStill, isReady = true, behind = [] }: Outages) {
  const late = isReady ? behind : [];
  const degraded = new Set([...storesAway, ...standingStill.map(({ projection }) => projection), ...late]);
  const told = defined({
    away: unlessEmpty(away),
    behind: isReady ? undefined : behind,
    degraded: unlessEmpty([...degraded]),
    standingStill: unlessEmpty(standingStill)?.map(({ error, ...rest }) => rest),
  });
  const starting =
    behind.length === 0 ? 'the read models are' : `${behind.join(', ')} ${behind.length > 1 ? 'are' : 'is'}`;
  const detail = [
    away.length > 0 && `Not reachable now: ${away.join(', ')}.`,
    !isReady && `Starting: ${starting} still behind the log.`,
  ]
    .filter(Boolean)
    .join(' ');
  return { isReady: away.length === 0 && isReady, told, detail };
}

function text(contentType: string, body: string): Answer {
  return { status: 200, headers: { 'Content-Type': contentType }, body, seen: [] };
}

function html(body: string): Answer {
  const headers = {
    'Content-Type': 'text/html; charset=utf-8',
    'Content-Security-Policy': "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
  };
  return { status: 200, headers, body, seen: [] };
}

/** Made at the first request and kept. */
function lazily<T>(make: () => T): () => T {
  let made: T | undefined;
  return () => (made ??= make());
}
