// Stripe's events for a test without a public address: read from Stripe's list, and signed as Stripe signs its webhooks.
import { setTimeout as pause } from 'node:timers/promises';
import type Stripe from 'stripe';
import { defined } from '../../domain/kernel/json.js';
import type { World } from './worlds.js';

/** In test mode an event is listed some seconds after its cause. */
const LISTED_WITHIN_MS = 40_000;
const ASK_AGAIN_AFTER_MS = 1_000;
const PAGE_EVENTS = 100;

/** Signed as Stripe would post it, at `at` in unix seconds. Default: now. */
export function signed(stripe: Stripe, secret: string, event: unknown, at?: number) {
  const body = JSON.stringify(event, null, 2);
  const options = { payload: body, secret, ...defined({ timestamp: at }) };
  return { body, signature: stripe.webhooks.generateTestHeaderString(options) };
}

/**
 * Events about objects with this mark in their metadata, and about everything that belongs to such payments, since `from` in ms.
 */
export function createWebhookEvents({ stripe, standIn }: World, { mark, from }: { mark: string; from: number }) {
  const intents = new Set<string>();
  const heard = new Set<string>();

  function isOurs({ data }: Stripe.Event): boolean {
    const { id, object, metadata, payment_intent } = data.object as WebhookObject;
    const intent = object === 'payment_intent' ? id : payment_intent;
    const isMarked = Object.values(metadata ?? {}).some((value) => value.includes(mark));
    if (isMarked && intent) intents.add(intent);
    return isMarked || (!!intent && intents.has(intent));
  }

  async function listed(): Promise<Stripe.Event[]> {
    const newestFirst: Stripe.Event[] = [];
    const params = { created: { gte: Math.floor(from / 1000) }, limit: PAGE_EVENTS };
    for await (const event of stripe.events.list(params)) newestFirst.push(event);
    return newestFirst.reverse().filter((event) => isOurs(event) && !heard.has(event.id));
  }

  /** New events, oldest first, once all of these types have arrived. */
  return async (...types: Stripe.Event['type'][]): Promise<Stripe.Event[]> => {
    for (const until = Date.now() + LISTED_WITHIN_MS; ; await pause(ASK_AGAIN_AFTER_MS)) {
      const events = await listed();
      const missing = types.filter((type) => !events.some((event) => event.type === type));
      if (missing.length > 0 && !standIn && Date.now() < until) continue;
      if (missing.length > 0) throw new Error(`Stripe has not told of ${missing.join(', ')}.`);
      for (const { id } of events) heard.add(id);
      return events;
    }
  };
}

/** The common fields of the objects in events, if they exist. */
interface WebhookObject {
  id: string;
  object: string;
  metadata?: Record<string, string> | null;
  payment_intent?: string | null;
}
