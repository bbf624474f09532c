import { expect } from 'chai';
import { customer } from '../../domain/customer/customer.js';
import { customerOf } from '../../domain/kernel/endpoint.js';
import { streamOf } from '../../domain/kernel/id.js';
import { problemOf } from '../../test/call-endpoint.js';
import { ADA, BOB, createShop, GUEST, KEEPER, type Shop, sell } from '../../test/shop.js';
import { the } from '../../test/the.js';
import { createTakeViews } from './take-along.js';

describe('Views', () => {
  let shop: Shop;
  beforeEach(async () => {
    shop = createShop();
    await sell(shop, 'MUG', 500);
    await sell(shop, 'TEA', 500);
  });

  const view = (productId: string, caller = ADA, key?: string) =>
    shop.call('post /v1/me/views', { caller, body: { productId }, ...(key !== undefined && { key }) });

  async function viewedBy({ customerId = '' }: typeof ADA): Promise<string[]> {
    const session = shop.sessionOf(customerId);
    const found = await shop.viewStream.browsing.sessions([session]);
    return (found.get(session)?.views ?? []).map(({ product }) => product);
  }

  it('are recorded for the customer who looks, in order', async () => {
    for (const id of ['product_MUG', 'product_TEA', 'product_MUG']) expect((await view(id)).status).to.equal(202);
    await view('product_TEA', BOB);
    expect(await viewedBy(ADA)).to.deep.equal(['product_MUG', 'product_TEA', 'product_MUG']);
    expect(await viewedBy(BOB)).to.deep.equal(['product_TEA']);
  });

  it('count once if the request is repeated with its key', async () => {
    await view('product_MUG', ADA, 'once');
    await view('product_MUG', ADA, 'once');
    expect(await viewedBy(ADA)).to.deep.equal(['product_MUG']);
  });

  it('are of products that are published', async () => {
    await shop.call('post /v1/products/product_TEA/unpublish', { caller: KEEPER });
    for (const id of ['product_TEA', 'product_none']) await problemOf(view(id), 'not_found');
    expect(await viewedBy(ADA)).to.deep.equal([]);
  });

  it('are refused once the customer is forgotten', async () => {
    const customerId = customerOf(ADA);
    const actor = { type: 'customer', id: customerId } as const;
    const meta = { id: 'forget', issuedAt: Date.now(), correlationId: 'forget', actor };
    await shop.runner.execute(customer, streamOf(customerId), { type: 'ForgetCustomer', customerId }, meta);
    await problemOf(view('product_MUG'), 'rule_violated');
    expect(await viewedBy(ADA)).to.deep.equal([]);
  });

  it('leave nothing in the log', async () => {
    const before = [...shop.log.streams.keys()];
    await view('product_MUG');
    expect([...shop.log.streams.keys()]).to.deep.equal(before);
  });

  it('become the customer’s when a guest logs in, once', async () => {
    for (const id of ['product_MUG', 'product_TEA']) await view(id, GUEST);
    await view('product_TEA', ADA);
    const { viewStream: views, sessionOf } = shop;
    const takeViews = createTakeViews({ browsing: views.browsing, views, sessionOf });
    await takeViews(the(GUEST.customerId), the(ADA.customerId));
    await takeViews(the(GUEST.customerId), the(ADA.customerId));
    expect(await viewedBy(ADA)).to.deep.equal(['product_TEA', 'product_MUG', 'product_TEA']);
    expect(await viewedBy(GUEST)).to.deep.equal([]);
  });

  it('are gone when the customer is forgotten', async () => {
    await view('product_MUG');
    await view('product_MUG', BOB);
    await shop.viewStream.forget(shop.sessionOf(ADA.customerId ?? ''));
    expect([await viewedBy(ADA), await viewedBy(BOB)]).to.deep.equal([[], ['product_MUG']]);
    const { sessions = [] } = (await shop.viewStream.browsing.products(['product_MUG'])).get('product_MUG') ?? {};
    expect(sessions).to.deep.equal([shop.sessionOf(BOB.customerId ?? '')]);
  });
});
