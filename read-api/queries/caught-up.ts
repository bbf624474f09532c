// Delays a query until its read model shows what the caller has seen.
import type { EndpointRequest } from '../../domain/kernel/endpoint.js';
import { NotYetVisible } from '../../domain/kernel/errors.js';
import type { Visibility } from '../../projections/visibility.js';

/** Throws `NotYetVisible` if the model does not catch up in the caller's time limit. */
export async function caughtUp(
  model: string,
  visibility: Visibility,
  { seen, waitMs }: Pick<EndpointRequest, 'seen' | 'waitMs'>,
): Promise<void> {
  if (await visibility.wait(seen, waitMs)) return;
  throw new NotYetVisible(model);
}
