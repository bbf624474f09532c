import { expect } from 'chai';
import { orThrow } from '../../domain/kernel/errors.js';
import { streamOf } from '../../domain/kernel/id.js';
import { FORGOTTEN, type PersonalData } from '../../domain/kernel/personal.js';
import { type PaymentCommand, payment } from '../../domain/payment/payment.js';
import { problemOf } from '../../test/call-endpoint.js';
import { createShop, SUPPORT, unsealed } from '../../test/shop.js';

const GBP = (amount: number) => ({ amount, currency: 'GBP' });

/** A shop with a card payment of 10.00, of which the given amount is captured. */
async function shopWithPayment(captured = 0, personal: PersonalData = unsealed) {
  const { call, runner, processes } = createShop({ personal });
  const origin = { correlationId: 'request', actor: { type: 'staff', id: 'tests' } } as const;
  async function issue(command: PaymentCommand): Promise<void> {
    const meta = { id: command.type, issuedAt: Date.now(), ...origin };
    orThrow(await runner.execute(payment, streamOf('payment_1'), command, meta));
    await processes.payments.ask('payment_1', { origin });
  }
  const ids = { paymentId: 'payment_1', orderId: 'order_1', operationId: 'authorise' };
  await issue({ type: 'RequestAuthorisation', ...ids, ...GBP(1000), provider: 'test', method: 'pm_card_visa' });
  if (captured > 0) await issue({ type: 'RequestCapture', operationId: 'shipment_1/capture', amount: captured });
  return { read: (id: string) => call(`get /v1/payments/${id}`, { caller: SUPPORT }), runner };
}

describe('The query of a payment', () => {
  it('shows its ledger', async () => {
    const { read, runner } = await shopWithPayment(400);
    const { status, body, version, seen } = await read('payment_1');
    const { position } = await runner.load(payment, streamOf('payment_1'));
    expect([status, version, ...seen!]).to.deep.equal([200, position.version, ['payment#1', position.commitNo]]);
    expect(body).to.deep.include({
      id: 'payment_1',
      orderId: 'order_1',
      status: 'partially_captured',
      held: GBP(600),
      captured: GBP(400),
      refunded: GBP(0),
      refundable: GBP(400),
    });
    expect(body.authorisations[0]).to.deep.include({
      card: { brand: 'visa', last4: '4242' },
      risk: { level: 'normal' },
    });
    const providerRef = 'test_shipment_1/capture';
    expect(body.captures[0]).to.deep.include({
      id: 'shipment_1/capture',
      amount: GBP(400),
      status: 'captured',
      providerRef,
    });
  });

  it('finds no payment that does not exist', async () => {
    const { read } = await shopWithPayment();
    await problemOf(read('payment_2'), 'not_found');
    await problemOf(read('order_1'), 'not_found');
  });

  it('hides the digits of a card once its customer is forgotten', async () => {
    const { read } = await shopWithPayment(0, { ...unsealed, open: async () => FORGOTTEN });
    expect((await read('payment_1')).body.authorisations[0].card).to.deep.equal({ brand: 'visa' });
  });
});
