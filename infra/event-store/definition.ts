// What the program knows about an event store before its parts are loaded.

export interface EventStoreDefinition {
  /** True if the log is in the shop's Postgres. */
  isInPostgres: boolean;
  /** Its engines, apart from the shop's Postgres. */
  engines: readonly NeededEngine[];
}

export interface NeededEngine {
  name: string;
  /** The variable with its address. */
  variable: string;
}
