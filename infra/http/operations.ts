// What operators and browsers ask beside the API: health, readiness, metrics, the OpenAPI document and its page.
import type { Registry } from 'prom-client';
import type { Endpoint } from '../../domain/kernel/endpoint.js';
import { type Answer, answerOf, answerOfProblem } from './answer.js';
import { docsPage } from './docs.js';
import { openApiDocument } from './openapi.js';
import { HttpProblem } from './problems.js';

/** The names of the engines that do not answer now; none: ready. */
export type Readiness = () => Promise<readonly string[]>;

export interface OperationsDeps {
  endpoints: readonly Endpoint[];
  readiness: Readiness;
  registry: Registry;
}

const RETRY_AFTER_S = '5';

/** Answers by path, all for GET. */
export function operations({ endpoints, readiness, registry }: OperationsDeps) {
  const document = lazily(() => openApiDocument(endpoints));
  const json = lazily(() => JSON.stringify(document(), undefined, 2));
  const page = lazily(() => docsPage(document()));

  return {
    '/healthz': async () => answerOf({ status: 200, body: { status: 'up' } }),
    '/readyz': async (instance) => {
      const away = await readiness();
      if (away.length === 0) return answerOf({ status: 200, body: { status: 'ready' } });
      const detail = `Not reachable now: ${away.join(', ')}.`;
      const problem = new HttpProblem('unavailable', detail, { 'Retry-After': RETRY_AFTER_S }, { away });
      return answerOfProblem(problem, instance);
    },
    '/metrics': async () => text(registry.contentType, await registry.metrics()),
    '/openapi.json': async () => text('application/json; charset=utf-8', json()),
    '/docs': async () => ({
      ...text('text/html; charset=utf-8', page()),
      headers: {
        'Content-Type': 'text/html; charset=utf-8',
        'Content-Security-Policy': "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
      },
    }),
  } satisfies Record<string, (instance: string) => Promise<Answer>>;
}

function text(contentType: string, body: string): Answer {
  return { status: 200, headers: { 'Content-Type': contentType }, body, seen: [] };
}

/** Made at the first request, kept for all later ones. */
function lazily<T>(make: () => T): () => T {
  let made: T | undefined;
  return () => (made ??= make());
}
