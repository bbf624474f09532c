// The event store `eventstoredb`: the log and its changes in EventStoreDB, with snapshots, leases and checkpoints in the Postgres of
// the shop.
import type { EventStoreDefinition } from '../definition.js';

export const eventstoredb: EventStoreDefinition = {
  isInPostgres: false,
  engines: [{ name: 'eventstoredb', variable: 'EVENTSTORE_URL' }],
};
