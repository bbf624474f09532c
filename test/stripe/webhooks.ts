// Stripe's events on their way to the shop: signed, and in a queue that a test delivers, reorders, repeats or drops.
import { createHmac } from 'node:crypto';
import { invalidRequest } from './errors.js';
import { type Form, mergedMetadata, text, texts } from './form.js';
import type { Books, StripeEvent, StripeObject, WebhookEndpoint } from './objects.js';

/** Tells of what happened to an object; `previous` holds the fields that changed as they were before. */
export type Emit = (type: string, object: StripeObject, previous?: object) => void;

export interface Delivery {
  event: StripeEvent;
  endpoint: WebhookEndpoint & { secret: string };
}

export type Webhooks = ReturnType<typeof createWebhooks>;

export function createWebhooks(books: Books, seconds: () => number, apiVersion: string) {
  /** Oldest first, and the test's to change: what is taken out is lost, what is put in twice arrives twice. */
  const queue: Delivery[] = [];
  const endpoints = () => books.all('webhook_endpoint') as (WebhookEndpoint & { secret: string })[];

  function emit(type: string, object: StripeObject, previous: object | undefined, request: StripeEvent['request']) {
    const to = endpoints().filter(({ enabled_events: on }) => on.includes('*') || on.includes(type));
    const event = books.put<StripeEvent>({
      ...books.common('event', 'evt'),
      api_version: apiVersion,
      data: { object: structuredClone(object), ...(previous && { previous_attributes: previous }) },
      livemode: false,
      pending_webhooks: to.length,
      request,
      type,
    });
    queue.push(...to.map((endpoint) => ({ event, endpoint })));
    return event;
  }

  /** What Stripe would post now: the raw body and its `Stripe-Signature`. */
  function signed({ event, endpoint }: Delivery): { body: string; signature: string } {
    const body = JSON.stringify(event, null, 2);
    const at = seconds();
    const mac = createHmac('sha256', endpoint.secret).update(`${at}.${body}`).digest('hex');
    return { body, signature: `t=${at},v1=${mac}` };
  }

  /** Posts one after the other and gives the statuses; 0 stands for no answer. By default all that waits, in order. */
  async function deliver(deliveries: readonly Delivery[] = queue.splice(0)): Promise<number[]> {
    const statuses: number[] = [];
    for (const delivery of deliveries) {
      const { body, signature } = signed(delivery);
      const headers = { 'content-type': 'application/json; charset=utf-8', 'stripe-signature': signature };
      const answer = await fetch(delivery.endpoint.url, { method: 'POST', body, headers }).catch(() => undefined);
      await answer?.arrayBuffer();
      statuses.push(answer?.status ?? 0);
    }
    return statuses;
  }

  return {
    emit,
    queue,
    signed,
    deliver,

    createEndpoint(form: Form): WebhookEndpoint {
      const url = text(form, 'url');
      const events = texts(form, 'enabled_events');
      if (!url || events.length === 0) throw invalidRequest('An endpoint needs a url and enabled_events.');
      const common = books.common('webhook_endpoint', 'we');
      return books.put<WebhookEndpoint>({
        ...common,
        api_version: text(form, 'api_version') ?? null,
        description: text(form, 'description') ?? null,
        enabled_events: events,
        livemode: false,
        metadata: mergedMetadata({}, form),
        secret: books.newId('whsec'),
        status: 'enabled',
        url,
      });
    },

    /** The secret is told once, when the endpoint is made. */
    withoutSecret({ secret: _secret, ...endpoint }: WebhookEndpoint): WebhookEndpoint {
      return endpoint;
    },

    updateEndpoint(id: string, form: Form): WebhookEndpoint {
      const endpoint = books.get('webhook_endpoint', id);
      endpoint.url = text(form, 'url') ?? endpoint.url;
      const events = texts(form, 'enabled_events');
      if (events.length > 0) endpoint.enabled_events = events;
      return endpoint;
    },

    deleteEndpoint(id: string) {
      books.remove(books.get('webhook_endpoint', id));
      return { id, object: 'webhook_endpoint' as const, deleted: true as const };
    },
  };
}
