// The event store `postgres`: the log, its snapshots and its change feed in the Postgres of the shop.
import type { EventStoreDefinition } from '../definition.js';

export const postgres: EventStoreDefinition = {
  isInPostgres: true,
  engines: [],
};
