// Counts the appends that lost against another writer. They are decided again, so many of them mean a hot stream.
import { Counter, type Registry } from 'prom-client';
import type { EventStore } from '../../domain/kernel/event-store.js';

export function countConflicts(store: EventStore, registry: Registry): EventStore {
  const conflicts = new Counter({
    name: 'commerce_append_conflicts_total',
    help: 'Appends that found a commit of another process at their position; the commands are decided again',
    registers: [registry],
  });
  return {
    ...store,
    async append(stream, after, commit) {
      const result = await store.append(stream, after, commit);
      if (!result.appended) conflicts.inc();
      return result;
    },
  };
}
