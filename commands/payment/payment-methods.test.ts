import { expect } from 'chai';
import { problemOf } from '../../test/call-endpoint.js';
import { ADA, BOB, createShop } from '../../test/shop.js';

describe('Saved payment methods of the built-in test provider', () => {
  const PATH = '/v1/me/payment-methods';

  it('are names in the customer’s own stream: saved once, hidden from others, removed once', async () => {
    const { call } = createShop();
    const saved = async (caller = ADA) => (await call(`get ${PATH}`, { caller })).body.data;
    const save = (paymentMethod: string) => call(`post ${PATH}`, { caller: ADA, body: { paymentMethod } });
    expect((await save('pm_card_visa')).body).to.deep.equal({ id: 'pm_card_visa' });
    await save('pm_card_amex');
    await save('pm_card_visa');
    expect(await saved()).to.deep.equal([{ id: 'pm_card_visa' }, { id: 'pm_card_amex' }]);
    expect(await saved(BOB)).to.deep.equal([]);

    await problemOf(call(`delete ${PATH}/pm_card_visa`, { caller: BOB }), 'not_found');
    expect((await call(`delete ${PATH}/pm_card_visa`, { caller: ADA })).status).to.equal(204);
    await problemOf(call(`delete ${PATH}/pm_card_visa`, { caller: ADA }), 'not_found');
    expect(await saved()).to.deep.equal([{ id: 'pm_card_amex' }]);
  });

  it('have to exist and not be declined, as at a bank', async () => {
    const { call } = createShop();
    const save = (paymentMethod: string) => call(`post ${PATH}`, { caller: ADA, body: { paymentMethod } });
    await problemOf(save('pm_bogus'), 'not_found');
    const { facts } = await problemOf(save('pm_card_visa_chargeDeclinedLostCard'), 'payment_declined');
    expect(facts).to.deep.equal({ declineCode: 'generic_decline' });
    expect((await call(`get ${PATH}`, { caller: ADA })).body.data).to.deep.equal([]);
  });
});
