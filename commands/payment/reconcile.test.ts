// The comparison with the provider's books is tested with the stand-in for Stripe. This file tests payments without a provider.
import { expect } from 'chai';
import { orThrow } from '../../domain/kernel/errors.js';
import { streamOf } from '../../domain/kernel/id.js';
import { payment } from '../../domain/payment/payment.js';
import { createShop } from '../../test/shop.js';
import type { PaymentBooks } from './books.js';
import { reconcile } from './reconcile.js';

const HOUR_MS = 3_600_000;

const emptyBooks: PaymentBooks = {
  find: async () => undefined,
  async *opened() {},
  async *disputed() {},
  release: async () => {},
};

describe('The reconciliation', () => {
  it('does not look for zero-amount payments in the books of the provider', async () => {
    let now = Date.parse('2026-01-01T00:00:00Z');
    const clock = () => now;
    const { runner, store, processes } = createShop({ clock });
    const { payments, settlement } = processes;
    const deps = { provider: 'stripe', books: emptyBooks, store, runner, payments, settlement, clock } as const;
    const pay = async (paymentId: string, amount: number) => {
      const meta = { issuedAt: now, correlationId: 'test', actor: { type: 'staff', id: 'tests' } } as const;
      const of = { paymentId, orderId: paymentId.replace('payment', 'order'), operationId: paymentId };
      const terms = { amount, currency: 'GBP', provider: 'stripe', method: 'pm_card_visa' } as const;
      const stream = streamOf(paymentId);
      orThrow(
        await runner.execute(
          payment,
          stream,
          { type: 'RequestAuthorisation', ...of, ...terms },
          { ...meta, id: 'ask' },
        ),
      );
      const opened = { type: 'RecordIntentOpened', operationId: paymentId, providerRef: 'pi_1' } as const;
      if (amount > 0) orThrow(await runner.execute(payment, stream, opened, { ...meta, id: 'open' }));
    };
    await pay('payment_free', 0);
    await pay('payment_paid', 100);
    now += HOUR_MS;
    const { differences } = await reconcile(deps, { from: now - 2 * HOUR_MS, repair: false });
    expect(differences.map(({ kind, paymentId }) => [kind, paymentId])).to.deep.equal([
      ['missing_there', 'payment_paid'],
    ]);
  });
});
