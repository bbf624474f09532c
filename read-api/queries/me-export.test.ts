import { randomBytes } from 'node:crypto';
import { expect } from 'chai';
import { createOwnStreams } from '../../commands/personal/own-streams.js';
import { eventTypes } from '../../domain/events.js';
import type { Caller } from '../../domain/kernel/endpoint.js';
import { createLocalKeyWrap } from '../../infra/crypto/master-key.js';
import { createPersonalData } from '../../infra/crypto/personal-data.js';
import { callerOf } from '../../test/call-endpoint.js';
import { createMemorySubjectKeys } from '../../test/memory-subject-keys.js';
import { ADA, ADDRESS, BOB, createShop, GUEST, KEEPER } from '../../test/shop.js';
import { the } from '../../test/the.js';
import { meExportQuery } from './me-export.js';

describe('The export of everything that is held about a customer', () => {
  let shop: ReturnType<typeof createShop>;
  let recorded: unknown[];
  const personal = createPersonalData({
    keys: createMemorySubjectKeys(),
    keyWrap: createLocalKeyWrap(randomBytes(32)),
    eventTypes,
  });

  beforeEach(async () => {
    shop = createShop({ personal });
    recorded = [];
    const variants = [{ sku: 'MUG', prices: [{ amount: 799, currency: 'GBP' }] }];
    await shop.call('post /v1/products', { caller: KEEPER, body: { id: 'product_mug', title: 'Mug', variants } });
    await shop.call('post /v1/products/product_mug/publish', { caller: KEEPER });
    await shop.call('post /v1/stock/MUG/receipts', { caller: KEEPER, body: { quantity: 100 } });
  });

  async function order(caller: Caller, email: string): Promise<string> {
    const cart = `/v1/carts/${(await shop.call('post /v1/carts', { caller, body: { currency: 'GBP' } })).body.id}`;
    await shop.call(`post ${cart}/lines`, { caller, body: { sku: 'MUG', quantity: 1 } });
    await shop.call(`put ${cart}/shipping-address`, { caller, body: { ...ADDRESS, name: `Name of ${caller.id}` } });
    await shop.call(`put ${cart}/shipping-method`, { caller, body: { method: 'standard' } });
    const body = { paymentMethod: 'pm_card_visa', email };
    return (await shop.call(`post ${cart}/checkout`, { caller, body })).body.id;
  }

  async function exportOf(caller: Caller, orders: readonly string[]) {
    const { store, runner } = shop;
    const parts = orders.map((id) => ({ id, shipments: [], returns: [] }));
    const own = createOwnStreams({
      store,
      states: runner,
      orders: { list: async ({ customerId }) => ({ data: customerId === caller.customerId ? parts : [] }) },
    });
    const endpoint = meExportQuery({
      store,
      personal,
      own,
      browsing: shop.viewStream.browsing,
      sessionOf: shop.sessionOf,
      preferences: shop.preferences,
      savedMethods: { of: async (id) => (id === ADA.id ? [{ id: 'pm_card_visa' }] : []) },
      clock: Date.now,
      recordOpening: async ({ caller: { id }, ...by }, subjects) => void recorded.push({ id, ...by, subjects }),
    });
    let text = '';
    const anyBody = { ...endpoint, answers: { 200: { parse: () => undefined } as never } };
    const { stream } = await callerOf([anyBody])('get /v1/me/export', { caller });
    for await (const part of the(stream)) text += part;
    const body = JSON.parse(text);
    the(endpoint.answers[200]).parse(body);
    return { text, body };
  }

  it('has the events of their cart, order and payment, opened, and nothing of other people', async () => {
    const id = await order(ADA, 'ada@example.com');
    await order(BOB, 'bob@example.com');
    for (const caller of [ADA, BOB])
      await shop.call('post /v1/me/views', { caller, body: { productId: 'product_mug' } });
    const { text, body } = await exportOf(ADA, [id]);
    expect(text).to.include('Name of customer_ada').and.to.include('ada@example.com').and.to.include('"last4":"4242"');
    expect(text).to.not.match(/bob|"box"/);
    const streams = body.streams.map(({ stream }: { stream: string }) => stream.split('#')[0]);
    expect(streams).to.have.members(['customer-carts', 'cart', 'order', 'payment']);
    expect(body).to.deep.include({ alsoKnownAs: [], savedPaymentMethods: [{ id: 'pm_card_visa' }] });
    expect(body.views).to.have.length(1);
    expect(body.views[0]).to.include({ productId: 'product_mug' });
  });

  it('has their account and their preferences', async () => {
    await shop.call('post /v1/customers', { body: { email: 'eve@example.com', password: 'password', name: 'Eve' } });
    const eve = the(await shop.accounts.authenticate('eve@example.com', 'password')).customerId;
    const caller: Caller = { role: 'customer', id: eve, customerId: eve };
    await shop.call('put /v1/me/preferences', { caller, body: { theme: 'dark' } });
    const { text, body } = await exportOf(caller, []);
    expect(body.preferences).to.deep.equal({ theme: 'dark' });
    expect(body.streams[0].events[0]).to.deep.include({ type: 'AccountOpened' });
    expect(text).to.include('"email":"eve@example.com"').and.to.include('"name":"Eve"');
    expect(text).to.not.match(/hash of|"box"/);
  });

  it('is recorded as an opening before any of it is given', async () => {
    await exportOf(ADA, []);
    expect(recorded).to.deep.equal([
      { id: ADA.id, requestId: 'request', purpose: 'GET /v1/me/export', subjects: [ADA.id] },
    ]);
  });

  it('of somebody about whom nothing is known is empty, and valid', async () => {
    expect((await exportOf(BOB, [])).body.streams).to.deep.equal([]);
  });

  it('includes the guest that they were, and leaves out what is forgotten', async () => {
    const cart = `/v1/carts/${(await shop.call('post /v1/carts', { caller: GUEST, body: { currency: 'GBP' } })).body.id}`;
    await shop.call(`post ${cart}/lines`, { caller: GUEST, body: { sku: 'MUG', quantity: 1 } });
    await shop.call(`put ${cart}/shipping-address`, { caller: GUEST, body: { ...ADDRESS, name: 'A guest' } });
    await shop.call('post /v1/carts/current/merge', { caller: ADA, body: { guestToken: GUEST.id } });
    const { text, body } = await exportOf(ADA, []);
    expect(body.alsoKnownAs).to.deep.equal([GUEST.id]);
    expect(text).to.include('A guest');
    await personal.forget(GUEST.id);
    const after = await exportOf(ADA, []);
    expect(after.text).to.not.include('A guest').and.to.not.include('forgotten');
    expect(after.body.streams).to.have.length(body.streams.length);
  });
});
