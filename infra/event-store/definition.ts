// What the program knows about an event store before its parts are loaded.
import type { EventStoreParts, Recipes } from '../modules/parts.js';

export interface EventStoreDefinition {
  /** True if the log is in the shop's Postgres. */
  isInPostgres: boolean;
  /** Its engines, apart from the shop's Postgres. */
  engines: readonly NeededEngine[];
  parts(): Promise<Recipes<EventStoreParts, never>>;
}

export interface NeededEngine {
  name: string;
  /** The variable with its address. */
  variable: string;
}
