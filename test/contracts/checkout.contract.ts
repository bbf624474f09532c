// A checkout that crashes between any two steps ends as if nothing had happened, whichever worker continues it, and even if the
// time of its reservations ends before that.
import { expect } from 'chai';
import fc from 'fast-check';
import { createAgendaHandlers } from '../../commands/agenda/handlers.js';
import type { AuthorisationAnswer, PaymentProvider } from '../../commands/payment/provider.js';
import { createCommandRunner } from '../../commands/runtime/command-runner.js';
import { type CartCommand, cart } from '../../domain/cart/cart.js';
import { eventTypes } from '../../domain/events.js';
import type { CommandMeta } from '../../domain/kernel/command.js';
import { orThrow, Unavailable } from '../../domain/kernel/errors.js';
import type { EventStore } from '../../domain/kernel/event-store.js';
import { streamOf } from '../../domain/kernel/id.js';
import type { PersonalData } from '../../domain/kernel/personal.js';
import { order } from '../../domain/order/order.js';
import { orderLines } from '../../domain/order/order-lines.js';
import { orderOfCart } from '../../domain/processes/checkout.js';
import { RESERVATION_MS } from '../../domain/processes/checkout-steps.js';
import { reservationOf } from '../../domain/stock/reservations.js';
import { availableOf, stockItem, stockStream } from '../../domain/stock/stock-item.js';
import { createTestProvider } from '../../infra/payments/test-provider.js';
import { freshName } from '../engines.js';
import { everyOr, runsOf } from '../every-case.js';
import { openProcesses } from '../processes.js';
import { the } from '../the.js';

/** How the customer pays, and the stock of each SKU. */
const CASES = {
  'pays and gets the goods': { method: 'pm_card_visa', inStock: [5, 5] },
  'finds one of the goods short': { method: 'pm_card_visa', inStock: [5, 1] },
  'has the card declined': { method: 'pm_card_visa_chargeDeclined', inStock: [5, 5] },
} as const;
type CaseName = keyof typeof CASES;
const ALL_CASES = Object.keys(CASES) as CaseName[];

/** The cases for real engines, where each crash costs some requests. The log in memory always tries all. */
export const CASES_OF_ENGINES = everyOr<CaseName>(ALL_CASES, ['finds one of the goods short']);

const QUANTITIES = [2, 3];
const UNIT_PRICE = 250;
const SHIPPING = 395;

const unsealed: PersonalData = {
  seal: async (event) => event,
  open: async (value) => value as never,
  sealFor: async (_subject, _place, value) => value,
  forget: async () => {},
};

/**
 * `openStore` opens the log as one more process. `histories`: the number of random combinations of crashes, in addition to the
 * single crash at every point of each case.
 */
export function checkoutContract(
  name: string,
  openStore: () => EventStore,
  histories: number,
  cases: readonly CaseName[] = ALL_CASES,
): void {
  describe(`A customer's checkout on ${name}`, () => {
    for (const situation of cases) {
      it(`${situation}, wherever one worker crashes`, async () => {
        const undisturbed = await new Shop(openStore, situation).play([]);
        expect(undisturbed.effects).to.be.greaterThan(7);
        for (let point = 0; point < undisturbed.effects; point++) {
          for (const when of ['before', 'after'] as const) {
            await new Shop(openStore, situation).play([{ point, when }]);
            await new Shop(openStore, situation, { isSlow: true }).play([{ point, when }]);
          }
        }
      }).timeout(120_000);
    }

    it('ends well whatever crashes, repeats and races with it', async () => {
      const crashes = fc.array(fc.record({ point: fc.nat(25), when: fc.constantFrom('before', 'after') }), {
        maxLength: 4,
      });
      await fc.assert(
        fc.asyncProperty(
          fc.constantFrom(...ALL_CASES),
          crashes,
          fc.record({ rivals: fc.nat(2), silences: fc.nat(2), isSlow: fc.boolean() }),
          async (situation, planned, trouble) =>
            void (await new Shop(openStore, situation, trouble).play(planned as Crash[])),
        ),
        { numRuns: runsOf(histories) },
      );
    }).timeout(120_000);
  });
}

interface Crash {
  /** The effect of the history (an append or a provider call) that crashes, counted from 0. */
  point: number;
  when: 'before' | 'after';
}

interface Trouble {
  /** Other workers that run the checkout at the same time. */
  rivals?: number;
  /** Number of provider answers that are lost. */
  silences?: number;
  /** After each crash the time of the reservations ends, and the agenda notices that first. */
  isSlow?: boolean;
}

/** One history: a shop with stock, a provider with state, and a cart that is checked out by workers that crash. */
class Shop {
  private readonly key = freshName('x');
  private readonly cartId = `cart_${this.key}`;
  private readonly orderId = `order_${this.key}`;
  private readonly skus = QUANTITIES.map((_, index) => `${this.key}-${index}`);
  private effects = 0;
  private crashes: readonly Crash[] = [];
  /** The money that the provider holds, by payment, and everything that was authorised under each key. */
  private readonly held = new Map<string, number>();
  private readonly keys = new Set<string>();
  private silent: number;
  private passed = 0;
  private readonly clock = () => Date.now() + this.passed;

  constructor(
    private readonly openStore: () => EventStore,
    private readonly situation: CaseName,
    private readonly trouble: Trouble = {},
  ) {
    this.silent = trouble.silences ?? 0;
  }

  async play(crashes: readonly Crash[]): Promise<{ effects: number }> {
    await this.prepare();
    this.crashes = crashes;
    this.effects = 0;
    const workers = Array.from({ length: (this.trouble.rivals ?? 0) + 1 }, () => this.work());
    await Promise.all(workers);
    await this.check();
    return { effects: this.effects };
  }

  /** Replaces a dead worker until the checkout has ended. */
  private async work(): Promise<void> {
    for (let attempt = 0; attempt < 20; attempt++) {
      try {
        const { processes } = this.worker();
        const result = await processes.checkout.recover(this.orderId, this.cartId);
        if (result && ['completed', 'failed'].includes(result.checkout.phase)) return;
      } catch (error) {
        if (!(error instanceof Unavailable)) throw error;
        if (this.trouble.isSlow) await this.endReservations();
        await this.expectSoldUnitsKept();
      }
    }
    throw new Error(`${this.orderId} does not come to its end.`);
  }

  private async endReservations(): Promise<void> {
    this.passed += RESERVATION_MS;
    const { runner, processes } = this.worker();
    const handlers = createAgendaHandlers({
      runner,
      ...processes,
      savedMethodOf: async () => undefined,
      clock: this.clock,
    });
    for (const sku of this.skus) {
      const { state } = await runner.load(stockItem, stockStream({ sku, location: 'main' }));
      const expiresAt = reservationOf(state.reservations, this.orderId)?.expiresAt;
      if (expiresAt === undefined) continue;
      const expiries = { [this.orderId]: expiresAt };
      await handlers.reservations({ kind: 'reservations', sku, location: 'main', expiries }).catch((error) => {
        if (!(error instanceof Unavailable)) throw error;
      });
    }
  }

  /** Nobody else can get the units of a confirmed order, whether they are committed yet or not. */
  private async expectSoldUnitsKept(): Promise<void> {
    const { runner } = this.worker();
    const { state } = await runner.load(order, streamOf(this.orderId));
    if (state?.status !== 'confirmed') return;
    for (const [index, sku] of this.skus.entries()) {
      const { state: item } = await runner.load(stockItem, stockStream({ sku, location: 'main' }));
      expect(availableOf(item), sku).to.equal(CASES[this.situation].inStock[index]! - QUANTITIES[index]!);
    }
  }

  private worker() {
    const inner = this.openStore();
    const store: EventStore = {
      ...inner,
      append: (...args) => this.effect(() => inner.append(...args)),
    };
    const { clock } = this;
    const runner = createCommandRunner({ store, eventTypes, personal: unsealed, clock });
    return { runner, processes: openProcesses({ runner, store, clock, provider: this.provider() }) };
  }

  /** A lasting effect. The worker may die immediately before or after it. */
  private async effect<T>(act: () => Promise<T>): Promise<T> {
    const point = this.effects++;
    const crash = this.crashes.find((planned) => planned.point === point);
    if (crash?.when === 'before') throw new Unavailable('worker', 'crashed');
    const result = await act();
    if (crash?.when === 'after') throw new Unavailable('worker', 'crashed');
    return result;
  }

  private provider(): PaymentProvider {
    const answers = createTestProvider();
    const ask = <T>(act: () => Promise<T>) =>
      this.effect(async () => {
        const answer = await act();
        if (this.silent-- > 0) throw new Error('the answer was lost');
        return answer;
      });
    return {
      ...answers,
      authorise: (operation) =>
        ask(async (): Promise<AuthorisationAnswer> => {
          const answer = await answers.authorise(operation);
          if (answer.status === 'authorised' && !this.keys.has(operation.key)) {
            this.keys.add(operation.key);
            this.held.set(operation.paymentId, (this.held.get(operation.paymentId) ?? 0) + operation.amount.amount);
          }
          return answer;
        }),
      capture: async () => {
        throw new Error('nothing is captured at checkout');
      },
      void: (operation) => ask(async () => void this.held.delete(operation.paymentId)),
    };
  }

  private async prepare(): Promise<void> {
    const { runner } = this.worker();
    const { inStock, method } = CASES[this.situation];
    const receive = this.skus.map((sku, index) => {
      const item = { sku, location: 'main' };
      const movement = { movementId: 'delivery', productId: 'product_p', quantity: the(inStock[index]) };
      return runner
        .execute(
          stockItem,
          stockStream(item),
          { type: 'ReceiveStock', ...item, ...movement },
          this.meta(`receive ${sku}`),
        )
        .then(orThrow);
    });
    await Promise.all(receive);
    const fill: CartCommand[] = [
      { type: 'CreateCart', cartId: this.cartId, customerId: 'customer_c', currency: 'GBP' },
      ...this.skus.map((sku, index): CartCommand => {
        const line = { lineId: sku, sku, title: sku, quantity: the(QUANTITIES[index]) };
        return { type: 'AddCartLine', ...line, unitPrice: { amount: UNIT_PRICE, currency: 'GBP' } };
      }),
      { type: 'SetShippingAddress', address: { name: 'A', line1: 'B', city: 'C', postcode: 'D', country: 'GB' } },
      { type: 'ChooseShippingMethod', method: 'standard' },
      {
        type: 'SubmitCart',
        number: this.key,
        lines: orderLines(
          this.skus.map((sku, index) => ({ sku, title: sku, quantity: the(QUANTITIES[index]), unitPrice: UNIT_PRICE })),
        ),
        shipping: { method: 'standard', title: 'Standard delivery', amount: SHIPPING },
        payment: { provider: 'test', method },
      },
    ];
    await Promise.all(
      fill.map((command, n) =>
        runner.execute(cart, streamOf(this.cartId), command, this.meta(`fill ${n}`)).then(orThrow),
      ),
    );
    const { state } = await runner.load(cart, streamOf(this.cartId));
    expect(orderOfCart(the(state)).contents.orderId).to.equal(this.orderId);
  }

  private async check(): Promise<void> {
    const { runner } = this.worker();
    const goods = await Promise.all(
      this.skus.map(async (sku) => (await runner.load(stockItem, stockStream({ sku, location: 'main' }))).state),
    );
    const { state: bought } = await runner.load(order, streamOf(this.orderId));
    const { state: left } = await runner.load(cart, streamOf(this.cartId));
    const { inStock } = CASES[this.situation];
    const succeeds = this.situation === 'pays and gets the goods';
    expect({
      order: bought?.status,
      cart: left?.status,
      held: this.held.get(`payment_${this.key}`) ?? 0,
      stock: goods.map(({ onHand, reserved, committed }) => ({ onHand, reserved, committed })),
    }).to.deep.equal({
      order: succeeds ? 'confirmed' : 'rejected',
      cart: succeeds ? 'submitted' : 'open',
      held: succeeds ? UNIT_PRICE * 5 + SHIPPING : 0,
      stock: inStock.map((onHand, index) => ({ onHand, reserved: 0, committed: succeeds ? QUANTITIES[index] : 0 })),
    });
  }

  private meta(id: string): CommandMeta {
    const actor = { type: 'customer', id: 'customer_c' } as const;
    return { id: `${this.key} ${id}`, issuedAt: this.clock(), correlationId: this.key, actor };
  }
}
