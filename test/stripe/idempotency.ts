// Idempotency keys as Stripe keeps them: for a day, every repeat gets the status and body of the first request.
import { StripeRefusal } from './errors.js';

const KEY_TTL_SECONDS = 24 * 3600;

export interface Answer {
  status: number;
  body: string;
  replayed?: true;
}

interface Kept {
  path: string;
  params: string;
  since: number;
  /** Missing while the first request still runs. */
  answer?: Answer;
}

export function createIdempotency(seconds: () => number) {
  const kept = new Map<string, Kept>();

  return async (key: string, path: string, params: string, work: () => Promise<Answer>): Promise<Answer> => {
    const earlier = kept.get(key);
    if (earlier && earlier.since + KEY_TTL_SECONDS > seconds()) {
      if (earlier.path !== path)
        throw mismatch(`for the same endpoint they were first used for ('${earlier.path}')`, key);
      if (earlier.params !== params) throw mismatch('with the same parameters they were first used with', key);
      if (!earlier.answer) throw inUse(key);
      return { ...earlier.answer, replayed: true };
    }
    const started: Kept = { path, params, since: seconds() };
    kept.set(key, started);
    started.answer = await work();
    return started.answer;
  };
}

function mismatch(rule: string, key: string): StripeRefusal {
  const message = `Keys for idempotent requests can only be used ${rule}. Try using a key other than '${key}' if you meant to execute a different request.`;
  return new StripeRefusal(400, { type: 'idempotency_error', message });
}

function inUse(key: string): StripeRefusal {
  const message = `There is currently another in-progress request using this Idempotent Key (that probably means you submitted twice, and the other request is still going through): ${key}. Please try again later.`;
  return new StripeRefusal(409, { type: 'idempotency_error', code: 'idempotency_key_in_use', message });
}
