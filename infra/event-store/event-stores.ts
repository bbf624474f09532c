// The event stores by name. Each has a folder here, with parts that `infra/modules/open-shop.ts` loads when the store is used.
import type { EventStoreDefinition } from './definition.js';
import { dynamodb } from './dynamodb/definition.js';
import { eventstoredb } from './eventstoredb/definition.js';
import { postgres } from './postgres/definition.js';

export const EVENT_STORES = { postgres, dynamodb, eventstoredb } satisfies Record<string, EventStoreDefinition>;

export type EventStoreName = keyof typeof EVENT_STORES;
