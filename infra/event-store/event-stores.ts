// The event stores by name. Each has a folder here; the folder's parts are loaded when the store is used.
import type { EventStoreParts, Recipes } from '../modules/parts.js';

export const EVENT_STORES = {
  postgres: async () => (await import('./postgres/postgres-parts.js')).postgresEventStoreParts,
  dynamodb: async () => (await import('./dynamodb/dynamodb-parts.js')).dynamodbEventStoreParts,
} satisfies Record<string, () => Promise<Recipes<EventStoreParts, never>>>;

export type EventStoreName = keyof typeof EVENT_STORES;
