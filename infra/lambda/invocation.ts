// What all functions have in common: the parts are opened once, and an invocation ends before AWS cuts it off.
import type { Context } from 'aws-lambda';
import { createEmf, type Emf } from '../metrics/emf.js';
import { type FunctionRecipes, type OpenFunction, openFunction } from './open.js';

/** Time that is left for the answer when an invocation stops by itself. */
const RESERVE_MS = 1_000;

export interface Invocation {
  shop: OpenFunction;
  /** Aborts in time, so that the work can stop in order and be continued by another invocation. */
  deadline: AbortSignal;
  context: Context;
}

export type Handler<E, R> = (event: E, context: Context) => Promise<R>;

/**
 * A handler. The parts are opened while the instance starts; if that fails, each invocation tries again. Nothing goes on after the
 * answer, because AWS stops the instance between invocations.
 */
export function handlerOf<E, R>(
  recipes: FunctionRecipes,
  handle: (event: E, invocation: Invocation) => Promise<R>,
  open: (recipes: FunctionRecipes) => Promise<OpenFunction> = openFunction,
): Handler<E, R> {
  let opening: Promise<OpenFunction> | undefined;
  let emf: Emf | undefined;
  const opened = () => {
    opening ??= open(recipes).then(remember);
    opening.catch(() => {
      opening = undefined;
    });
    return opening;
  };
  void opened().catch(() => {}); // the first invocation tries again and says why

  return async (event, context) => {
    const shop = await opened();
    const deadline = new AbortController();
    const timer = setTimeout(() => deadline.abort(new OutOfTime()), context.getRemainingTimeInMillis() - RESERVE_MS);
    try {
      return await handle(event, { shop, deadline: deadline.signal, context });
    } finally {
      clearTimeout(timer);
      if (process.env.AWS_LAMBDA_FUNCTION_NAME) {
        emf ??= await metricsOf(shop, context);
        await emf.flush();
      }
    }
  };
}

/** Lines on standard output, which only AWS turns into metrics. */
async function metricsOf(shop: OpenFunction, { functionName: service }: Context): Promise<Emf> {
  return createEmf({ registry: await shop.get('metrics'), service });
}

const openFunctions = new Set<OpenFunction>();

function remember(shop: OpenFunction): OpenFunction {
  openFunctions.add(shop);
  return shop;
}

/** Closes what the handlers of this process have opened. AWS does not ask for it; it ends an instance as it is. */
export async function closeFunctions(): Promise<void> {
  const all = [...openFunctions];
  openFunctions.clear();
  await Promise.all(all.map((shop) => shop.close()));
}

class OutOfTime extends Error {
  override name = 'OutOfTime';
  override message = 'The time of this invocation is used up.';
}

/** The result of the work; rejects if the time is over before. */
export function before<T>(deadline: AbortSignal, work: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = () => reject(deadline.reason);
    if (deadline.aborted) onAbort();
    deadline.addEventListener('abort', onAbort, { once: true });
    work.then(resolve, reject).finally(() => deadline.removeEventListener('abort', onAbort));
  });
}
