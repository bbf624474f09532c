// The queries of a read model, once it shows what the caller has seen.
import type { EndpointRequest } from '../../domain/kernel/endpoint.js';
import { NotYetVisible } from '../../domain/kernel/errors.js';
import type { ReadModel } from '../../projections/visibility.js';

/** Throws `NotYetVisible` if the model does not catch up in the caller's time limit. An answer calls it once. */
export async function caughtUp<Q>(
  name: string,
  model: ReadModel<Q>,
  { seen, waitMs }: Pick<EndpointRequest, 'seen' | 'waitMs'>,
): Promise<Q> {
  const queries = await model.showing(seen, waitMs);
  if (queries) return queries;
  throw new NotYetVisible(name);
}
