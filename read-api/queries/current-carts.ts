// The customers' current carts for the write side, once the read model shows what the caller has seen.
import type { EndpointRequest } from '../../domain/kernel/endpoint.js';
import type { CurrentCartQueries } from '../../projections/models/current-carts.js';
import type { Visibility } from '../../projections/visibility.js';
import { caughtUp } from './caught-up.js';

type Seen = Pick<EndpointRequest, 'seen' | 'waitMs'>;

export function createCurrentCartReader(queries: CurrentCartQueries, visibility: Visibility) {
  return {
    async of(customerId: string, request: Seen) {
      await caughtUp('The current carts', visibility, request);
      return queries.of(customerId);
    },
    async inUse(cartIds: readonly string[], request: Seen) {
      await caughtUp('The current carts', visibility, request);
      return queries.inUse(cartIds);
    },
  };
}
