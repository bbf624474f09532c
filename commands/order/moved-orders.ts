// Checks whether an order would cost the same at another address. Its recorded amounts do not change with the address.
import { type Cart, cart } from '../../domain/cart/cart.js';
import type { Address } from '../../domain/kernel/address.js';
import type { Clock } from '../../domain/kernel/clock.js';
import { streamOf } from '../../domain/kernel/id.js';
import { type Rejection, reject } from '../../domain/kernel/rejection.js';
import type { States } from '../../domain/kernel/states.js';
import type { Order } from '../../domain/order/order.js';
import { type Quote, quoteOf } from '../../domain/pricing/quote.js';
import { sameRegion } from '../../domain/tariffs/place.js';
import type { Tariffs } from '../tariffs/current-tariffs.js';

export interface MovedOrders {
  /** The reason why the order cannot go to the other address for the amount that was charged. Undefined if it can. */
  refusal(order: Order, from: Address, to: Address): Promise<Rejection | undefined>;
}

export interface MovedOrdersDeps {
  runner: States;
  tariffs: Pick<Tariffs, 'current'>;
  clock: Clock;
}

const REMEDY = 'Cancel the order and place a new one.';

export function createMovedOrders({ runner, tariffs, clock }: MovedOrdersDeps): MovedOrders {
  return {
    async refusal({ orderId, cartId }, from, to) {
      if (from.country === to.country && sameRegion(from.region, to.region)) return undefined;
      const { state } = cartId === undefined ? { state: null } : await runner.load(cart, streamOf(cartId));
      if (!state) {
        const detail = `The tax of ${orderId} at another address is unknown, because the order has no cart.`;
        return reject('rule_violated', `${detail} ${REMEDY}`);
      }
      const quoteAt = await quotesOf(state);
      const [before, after] = [quoteAt(from), quoteAt(to)];
      if (after.shippingProblem && !before.shippingProblem) {
        const { detail, methods } = after.shippingProblem;
        return reject('rule_violated', `${detail} ${REMEDY}`, { shippingMethods: methods });
      }
      if (amountsOf(before) === amountsOf(after)) return undefined;
      return reject('rule_violated', `The tax or the shipping of ${orderId} would change at this address. ${REMEDY}`);
    },
  };

  /** All quotes use the current tables, so that only the address makes a difference, and the prices that were agreed. */
  async function quotesOf(state: Cart): Promise<(address: Address) => Quote> {
    const { currency, coupons, shippingMethod, submission } = state;
    const lines = state.lines.map((line, index) => ({ ...line, ...priceOf(submission?.lines[index]) }));
    const tables = await tariffs.current();
    const now = clock();
    return (address) => quoteOf({ currency, coupons, shippingMethod, lines, address, ...tables, now });
  }
}

function priceOf(line: { unitPrice: number } | undefined): { unitPrice?: number } {
  return line ? { unitPrice: line.unitPrice } : {};
}

/** All charges that a customer pays, and their taxes, as text. */
function amountsOf({ lines, shipping, taxIncluded, taxRates, total }: Quote): string {
  const taxes = lines.map(({ tax = 0 }) => tax);
  return JSON.stringify([total, taxIncluded === true, taxRates, taxes, shipping]);
}
