// Forgets a customer. The log records it first; then the data key and everything else that is held about them is deleted, and what
// was not sent to them is cancelled. Each step may be repeated. A minute later the agenda takes all steps again, for what other
// requests were doing for the customer at the time, so a crash at any point is finished, too.
import { cart } from '../../domain/cart/cart.js';
import { customer } from '../../domain/customer/customer.js';
import { emailClaim, emailClaimStream } from '../../domain/customer/email-claim.js';
import { customerCarts, customerCartsStream, firstCartOf } from '../../domain/customer-carts/customer-carts.js';
import type { Clock } from '../../domain/kernel/clock.js';
import type { CommandMeta } from '../../domain/kernel/command.js';
import { orThrow } from '../../domain/kernel/errors.js';
import { keyOf, streamOf } from '../../domain/kernel/id.js';
import { isRejection } from '../../domain/kernel/rejection.js';
import { operationCommandId, order } from '../../domain/order/order.js';
import type { CheckoutProcess } from '../checkout/process.js';
import type { Settlement } from '../order/settlement.js';
import type { CommandRunner, Outcome } from '../runtime/command-runner.js';
import type { Origin } from '../runtime/origin.js';
import type { OrdersOfCustomer, OwnStreams } from './own-streams.js';

/** The customer sees it in the order. */
const REASON = 'the customer was forgotten';
const ORDERS_PER_LOOK = 100;

/** A store that holds data about customers outside the log. Repeating the deletion does no harm. */
export interface Holder {
  name: string;
  forget(customerId: string): Promise<unknown>;
}

export interface ForgettingDeps {
  runner: CommandRunner;
  /** In the order of deletion. The first one holds the data keys. */
  holders: readonly Holder[];
  orders: OrdersOfCustomer;
  own: Pick<OwnStreams, 'identitiesOf'>;
  checkout: Pick<CheckoutProcess, 'resume'>;
  settlement: Pick<Settlement, 'attempt'>;
  clock: Clock;
  /** Called with a step that failed. The agenda repeats it. */
  onUnfinished(customerId: string, step: string, error: unknown): void;
}

export interface Forgotten {
  /** False: they were forgotten before. */
  isNew: boolean;
  /** Steps that failed now, and that the agenda will repeat. */
  unfinished: readonly string[];
}

export interface Forgetting {
  /** Whether there is any trace of the customer. */
  knows(customerId: string): Promise<boolean>;
  /** Throws if the data key could not be deleted: then ask again, or leave it to the agenda. */
  forget(customerId: string, meta: CommandMeta): Promise<Forgotten>;
  /** Repeats all steps, and records that the customer is completely forgotten. Throws the error of a step. */
  finish(customerId: string, origin: Origin): Promise<void>;
}

export function createForgetting(deps: ForgettingDeps): Forgetting {
  const { runner, holders, orders, own, checkout, settlement, clock, onUnfinished } = deps;
  const [keys, ...others] = holders;

  function stepsOf(customerId: string, origin: Origin): { name: string; run: () => Promise<unknown> }[] {
    return [
      ...others.map(({ name, forget }) => ({ name, run: () => forget(customerId) })),
      { name: 'e-mail address', run: () => releaseEmail(customerId, origin) },
      { name: 'open orders', run: () => cancelOrders(customerId, origin) },
    ];
  }

  /** Another person may open an account with the address. */
  async function releaseEmail(customerId: string, origin: Origin): Promise<void> {
    const { emailKey } = (await runner.load(customer, streamOf(customerId))).state;
    if (emailKey === undefined) return;
    const command = { type: 'ReleaseEmail', emailKey, customerId } as const;
    const meta: CommandMeta = { id: `${customerId}/release ${emailKey}`, issuedAt: clock(), ...origin };
    orThrow(await runner.execute(emailClaim, emailClaimStream(emailKey), command, meta));
  }

  async function cancelOrders(customerId: string, origin: Origin): Promise<void> {
    for (const status of ['placed', 'confirmed'] as const) {
      let after: Awaited<ReturnType<OrdersOfCustomer['list']>>['next'];
      do {
        const page = await orders.list({ customerId, status, limit: ORDERS_PER_LOOK, after });
        for (const { id } of page.data) await cancel(id, origin);
        after = page.next;
      } while (after);
    }
  }

  /** Units that were sent stay sold. An order that cannot be cancelled, for example because all of it was sent, stays as it is. */
  async function cancel(orderId: string, origin: Origin): Promise<void> {
    const stream = streamOf(orderId);
    const metaOf = (id: string): CommandMeta => ({ id, issuedAt: clock(), ...origin });
    const withdrawn = { type: 'CancelOrder', reason: REASON } as const;
    const whole = await runner.execute(order, stream, withdrawn, metaOf(`${orderId}/forget`));
    if (!isRejection(whole)) {
      await checkout.resume(orderId);
      return;
    }
    const cancellationId = `cancellation_${keyOf(orderId)}-forgotten`;
    const open = { type: 'CancelLines', cancellationId, lines: undefined, reason: REASON } as const;
    const rest = await runner.execute(order, stream, open, metaOf(operationCommandId(cancellationId)));
    if (!isRejection(rest)) await settlement.attempt(orderId, origin);
  }

  /** Returns the steps that failed. */
  async function forgetOne(customerId: string, meta: CommandMeta): Promise<string[]> {
    const { correlationId, actor } = meta;
    const command = { type: 'ForgetCustomer', customerId } as const;
    orThrow(await runner.execute(customer, streamOf(customerId), command, meta));
    await keys?.forget(customerId);
    const unfinished: string[] = [];
    for (const { name, run } of stepsOf(customerId, { correlationId, actor })) {
      await run().catch((error) => {
        unfinished.push(name);
        onUnfinished(customerId, name, error);
      });
    }
    return unfinished;
  }

  /** The guests that the customer was before they logged in. Each of them then has a place of its own on the agenda. */
  async function forgetGuests(customerId: string, meta: CommandMeta): Promise<string[]> {
    const unfinished: string[] = [];
    const [, ...guests] = await own.identitiesOf(customerId);
    for (const guest of guests) unfinished.push(...(await forgetOne(guest, { ...meta, id: `${meta.id}/${guest}` })));
    return unfinished;
  }

  async function exists(loading: Promise<Pick<Outcome<unknown>, 'position'>>): Promise<boolean> {
    return (await loading).position.commitNo > 0;
  }

  return {
    async knows(customerId) {
      const traces = [
        () => exists(runner.load(customer, streamOf(customerId))),
        () => exists(runner.load(customerCarts, customerCartsStream(customerId))),
        () => exists(runner.load(cart, streamOf(firstCartOf(customerId)))),
        async () => (await orders.list({ customerId, limit: 1 })).data.length > 0,
      ];
      for (const isThere of traces) if (await isThere()) return true;
      return false;
    },

    async forget(customerId, meta) {
      const { state } = await runner.load(customer, streamOf(customerId));
      const unfinished = await forgetOne(customerId, meta);
      unfinished.push(...(await forgetGuests(customerId, meta)));
      return { isNew: state.forgetting === undefined, unfinished: [...new Set(unfinished)] };
    },

    async finish(customerId, origin) {
      await keys?.forget(customerId);
      for (const { run } of stepsOf(customerId, origin)) await run();
      const metaOf = (step: string): CommandMeta => ({ id: `${customerId}/${step}`, issuedAt: clock(), ...origin });
      await forgetGuests(customerId, metaOf('forget'));
      const command = { type: 'CompleteForgetting', customerId } as const;
      orThrow(await runner.execute(customer, streamOf(customerId), command, metaOf('forgotten')));
    },
  };
}
