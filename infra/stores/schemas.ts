// The schemas of a shop in Postgres: one per profile and namespace, and the log of `embedded` in `public`.

/** Has the log of `embedded` with the event store `postgres`: one log in a database, for all namespaces. */
export const SHARED_SCHEMA = 'public';

/** The schemas of a shop. They are one schema unless the log is in the shared one. */
export interface ShopSchemas {
  readModels: string;
  /** For the log if it is in Postgres, and what belongs to the log in the profile `embedded`: data keys, sessions. */
  log: string;
}

/** Each pair of profile and namespace has a schema of its own. */
export function schemasOf({ profile, namespace, isLogInPostgres }: SchemaOwner): ShopSchemas {
  const own = `${namespace.replaceAll('-', '_')}_${profile}`;
  return { readModels: own, log: profile === 'embedded' && isLogInPostgres ? SHARED_SCHEMA : own };
}

export function isLogShared({ log }: ShopSchemas): boolean {
  return log === SHARED_SCHEMA;
}

interface SchemaOwner {
  profile: string;
  namespace: string;
  isLogInPostgres: boolean;
}
