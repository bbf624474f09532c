// How each kind of work on the agenda is done. Command ids derive from the item, so a repeat changes nothing.
import { cart } from '../../domain/cart/cart.js';
import { coupon, couponStream } from '../../domain/coupon/coupon.js';
import type { Clock } from '../../domain/kernel/clock.js';
import type { CommandMeta } from '../../domain/kernel/command.js';
import { orThrow } from '../../domain/kernel/errors.js';
import { streamOf } from '../../domain/kernel/id.js';
import { keyOfStream } from '../../domain/kernel/stream.js';
import { isHeldFor } from '../../domain/order/checkout-state.js';
import { order } from '../../domain/order/order.js';
import type { Payment } from '../../domain/payment/ledger.js';
import { isRenewalDue, payment } from '../../domain/payment/payment.js';
import type { AgendaItem } from '../../domain/processes/agenda.js';
import { checkoutIdOf } from '../../domain/processes/checkout.js';
import { endOfRedemption } from '../../domain/processes/checkout-steps.js';
import { neededOf } from '../../domain/processes/settlement.js';
import { orderOfReservation } from '../../domain/stock/commitments.js';
import { type StockKey, stockItem, stockStream } from '../../domain/stock/stock-item.js';
import type { CheckoutProcess } from '../checkout/process.js';
import type { Settlement } from '../order/settlement.js';
import type { PaymentOperations } from '../payment/operations.js';
import type { Forgetting } from '../personal/forgetting.js';
import type { CommandRunner } from '../runtime/command-runner.js';
import type { Origin } from '../runtime/origin.js';
import type { Shortfalls } from '../stock/shortfalls.js';
import { arrive } from '../stock/transfer.js';
import type { AgendaHandlers } from './agenda.js';

export interface AgendaHandlersDeps {
  runner: CommandRunner;
  checkout: Pick<CheckoutProcess, 'recover'>;
  settlement: Pick<Settlement, 'run'>;
  payments: Pick<PaymentOperations, 'ask' | 'refresh'>;
  shortfalls: Shortfalls;
  forgetting: Pick<Forgetting, 'finish'>;
  /** The customer's saved method, if they paid with one. It can be charged while they are not present. */
  savedMethodOf(customerId: string, paidWith: string): Promise<string | undefined>;
  clock: Clock;
}

const ORIGIN: Origin = { correlationId: 'agenda', actor: { type: 'process', id: 'agenda' } };

export function createAgendaHandlers(deps: AgendaHandlersDeps): AgendaHandlers {
  const { runner, checkout, settlement, payments, shortfalls, forgetting, savedMethodOf, clock } = deps;
  const metaOf = (id: string): CommandMeta => ({ id, issuedAt: clock(), ...ORIGIN });

  /**
   * Money that is authorised and still needed is renewed before it lapses, if the customer can be charged. Otherwise the provider
   * says when it has lapsed.
   */
  async function lookAfter(paymentId: string): Promise<void> {
    const { state } = await payments.ask(paymentId, { origin: ORIGIN });
    if (!state || !isRenewalDue(state, clock())) return;
    const method = await methodToRenew(state);
    const made = method === undefined ? null : (await runner.load(order, streamOf(state.orderId))).state;
    const amount = made ? neededOf(made, state) : 0;
    if (method === undefined || amount === 0) await payments.refresh(paymentId, { origin: ORIGIN });
    else await renew(state, method, amount);
  }

  /** A card that has declined the renewal is not tried again. */
  async function methodToRenew({ status, authorisation }: Payment): Promise<string | undefined> {
    if (status !== 'authorised' || authorisation?.customerId === undefined) return undefined;
    return savedMethodOf(authorisation.customerId, authorisation.method);
  }

  async function renew({ paymentId, earlier }: Payment, method: string, amount: number): Promise<void> {
    const operationId = `${paymentId}/renewal/${earlier.length + 1}`;
    const command = { type: 'RenewAuthorisation', operationId, method, amount } as const;
    const { state } = orThrow(await runner.execute(payment, streamOf(paymentId), command, metaOf(operationId)));
    await payments.ask(paymentId, { origin: ORIGIN, known: state });
  }

  /** A worker crashed after the end of the checkout, or redeemed after another worker had ended it. */
  async function endRedemption({ kind, ...redemption }: Extract<AgendaItem, { kind: 'redemption' }>): Promise<void> {
    const { orderId } = redemption;
    const { state } = await runner.load(order, streamOf(orderId));
    const command = state && endOfRedemption(state.checkout, redemption);
    if (!command) return;
    const stream = couponStream(redemption);
    const id = `${checkoutIdOf(orderId)}/${command.type}/${keyOfStream(stream)}`;
    orThrow(await runner.execute(coupon, stream, command, metaOf(id)));
  }

  /**
   * A reservation expires only if its order is given up or has its stock elsewhere. Otherwise its checkout is run: as long as the
   * order may be confirmed, it extends or releases the reservation; once the order is confirmed, it commits the reservation.
   */
  async function expire(id: StockKey & { reservationId: string }, expiresAt: number): Promise<void> {
    const { reservationId } = id;
    const { state } = await runner.load(order, streamOf(orderOfReservation(id)));
    if (state && isHeldFor(state, reservationId)) {
      await checkout.recover(state.orderId);
      return;
    }
    const command = { type: 'ExpireReservation', ...id } as const;
    orThrow(await runner.execute(stockItem, stockStream(id), command, metaOf(`${reservationId}/expire/${expiresAt}`)));
  }

  return {
    checkout: ({ orderId, cartId }) => checkout.recover(orderId, cartId),
    settlement: ({ orderId }) => settlement.run(orderId),
    payment: ({ paymentId }) => lookAfter(paymentId),
    redemption: endRedemption,
    async reservations({ sku, location, expiries }) {
      const due = Object.entries(expiries).filter(([, expiresAt]) => expiresAt <= clock());
      const errors: unknown[] = [];
      for (const [reservationId, expiresAt] of due) {
        await expire({ sku, location, reservationId }, expiresAt).catch((error) => errors.push(error));
      }
      if (errors.length > 0) throw errors[0];
    },
    shortfall: (item) => shortfalls.look(item),
    transfer: (item) => arrive(runner, item, { issuedAt: item.leftAt, late: 'search', ...ORIGIN }),
    cart: ({ cartId, idleSince }) =>
      runner
        .execute(cart, streamOf(cartId), { type: 'AbandonCart' }, metaOf(`${cartId}/abandon/${idleSince}`))
        .then(orThrow),
    forgetting: ({ customerId }) => forgetting.finish(customerId, ORIGIN),
  };
}
