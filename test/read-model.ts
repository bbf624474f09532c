// Read models for tests of endpoints: the same queries always, which show what the test says.
import type { SeenCommits } from '../domain/kernel/consistency.js';
import type { ReadModel } from '../projections/visibility.js';

export function readModel<Q>(queries: Q, shows: (seen: SeenCommits) => boolean = () => true): ReadModel<Q> {
  return {
    current: async () => queries,
    showing: async (seen) => (shows(seen) ? queries : undefined),
  };
}
