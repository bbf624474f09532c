// How a sink reports that its store does not answer.
import { Unavailable } from '../../domain/kernel/errors.js';
import { reasonOf } from '../retry.js';

/** Converts errors that a later attempt may avoid to `Unavailable`. */
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
