// How a sink says that its store is away.
import { Unavailable } from '../../domain/kernel/errors.js';
import { reasonOf } from '../retry.js';

/** Turns the errors that a later attempt may mend into `Unavailable`. */
export async function orUnavailable<T>(
  engine: string,
  isAway: (error: unknown) => boolean,
  work: () => Promise<T>,
): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!isAway(error)) throw error;
    throw Object.assign(new Unavailable(engine, reasonOf(error)), {
      cause: error,
    });
  }
}
