// Executes a keyed request once. A repeat gets the first answer, concurrent repeats are rejected, and a crashed request is
// executed again with the same command ids.
import type { Clock } from '../../domain/kernel/clock.js';
import type { CountedLog } from '../counted-log.js';
import {
  digest,
  type IdempotencyStore,
  MAX_ANSWER_BYTES,
  type RecordCaller,
  type RequestRun,
  recordIdOf,
} from '../idempotency/port.js';
import { openText, sealText } from '../idempotency/sealed-text.js';
import { type Answer, answerOfProblem } from './answer.js';
import { RUNNING_RETRY_AFTER_S } from './limits.js';
import { HttpProblem, type HttpProblemCode, toHttpProblem } from './problems.js';

/**
 * Every answer of a handler is kept, rejections too, so that a caller who lost the answer gets the same decision. A caller who
 * wants a new decision sends another key. Only these problems decide nothing: the caller should repeat the request, and it runs
 * again.
 */
const UNDECIDED: ReadonlySet<HttpProblemCode> = new Set([
  'unavailable',
  'internal_error',
  'rate_limited',
  'request_in_progress',
  'conflict',
]);

interface KeyedRequest {
  caller: RecordCaller;
  /** Caller, endpoint and key. They identify the request; the record's id and its sealing key derive from them. */
  scope: string;
  /** The content that must be equal in a repeat. */
  content: string;
  instance: string;
}

export interface OnceDeps {
  store: IdempotencyStore;
  clock: Clock;
  log: Pick<CountedLog, 'warn'>;
}

export type Once = (
  request: KeyedRequest,
  execute: (keyed: { seed: string; issuedAt: number }) => Promise<Answer>,
) => Promise<Answer>;

export function createOnce({ store, clock, log }: OnceDeps): Once {
  return async ({ caller, scope, content, instance }, execute) => {
    const seed = digest(`record ${scope}`);
    const secret = `answer ${scope}`;
    // The scope has the caller's own key, so nobody else can compare the hash with contents that they guess.
    const request = digest(`content ${scope} ${content}`);
    const begun = await store.begin(recordIdOf(caller, seed), request, clock());
    switch (begun.state) {
      case 'mismatch':
        throw new HttpProblem(
          'idempotency_key_reused',
          'This Idempotency-Key was used with another request; use a new one.',
        );
      case 'running':
        throw new HttpProblem('request_in_progress', 'The first request with this Idempotency-Key is still running.', {
          'Retry-After': String(RUNNING_RETRY_AFTER_S),
        });
      case 'answered':
        return replayed(JSON.parse(openText(begun.answer, secret)));
      case 'run':
        return finish(
          begun.run,
          secret,
          await settle(begun.run, () => execute({ seed, issuedAt: begun.run.issuedAt })),
        );
    }

    async function settle(run: RequestRun, handler: () => Promise<Answer>): Promise<Answer> {
      try {
        return await handler();
      } catch (error) {
        const problem = toHttpProblem(error);
        if (!UNDECIDED.has(problem.code)) return answerOfProblem(problem, instance);
        await store
          .release(run)
          .catch((reason) => log.warn({ err: reason }, 'the lease of an undecided request could not be released'));
        throw error;
      }
    }
  };

  /** The caller gets the answer even if the record cannot be written. A repeat then executes with the same command ids. */
  async function finish(run: RequestRun, secret: string, answer: Answer): Promise<Answer> {
    const sealed = sealText(JSON.stringify(answer), secret);
    const kept = sealed.length <= MAX_ANSWER_BYTES ? store.finish(run, sealed) : store.release(run);
    await kept.catch((error) => log.warn({ err: error }, 'an answer was sent but could not be kept for repeats'));
    return answer;
  }
}

function replayed(answer: Answer): Answer {
  return { ...answer, headers: { ...answer.headers, 'Idempotency-Replayed': 'true' } };
}
