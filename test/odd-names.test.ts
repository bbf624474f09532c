// Names of the object prototype's members are valid SKUs, locations, attributes and codes.
import { expect } from 'chai';
import { defined } from '../domain/kernel/json.js';
import { productDetailsSchema, variantSchema } from '../domain/product/events.js';
import { stockItem, stockStream } from '../domain/stock/stock-item.js';
import { agenda } from '../projections/models/agenda.js';
import { productView } from '../projections/models/product.js';
import { productPage } from '../projections/models/product-page.js';
import { stock as stockModel, stockView } from '../projections/models/stock.js';
import { unitsSold, unitsSoldOf } from '../projections/models/units-sold.js';
import { problemOf } from './call-endpoint.js';
import { documentsOf } from './read-models.js';
import { ADA, ADDRESS, createShop, KEEPER, type Shop, SUPPORT } from './shop.js';
import { the } from './the.js';

const NAMES = Object.getOwnPropertyNames(Object.prototype).filter((name) => name !== '__proto__');

describe('A thing named like a member of every object', () => {
  let shop: Shop;
  const keep = (target: string, body?: object) => shop.call(target, { caller: KEEPER, ...defined({ body }) });
  const support = (target: string, body: object = {}) => shop.call(target, { caller: SUPPORT, body });
  const mine = (target: string, body?: object) => shop.call(target, { caller: ADA, ...defined({ body }) });
  const stockAt = async (sku: string, location: string) =>
    (await shop.runner.load(stockItem, stockStream({ sku, location }))).state;

  beforeEach(async () => {
    shop = createShop();
  });

  async function sell(skus: readonly string[]): Promise<object> {
    const attributes = Object.fromEntries(NAMES.map((name) => [name, `the ${name}`]));
    const variants = skus.map((sku) => ({ sku, prices: [{ amount: 500, currency: 'GBP' }], options: { [sku]: sku } }));
    await keep('post /v1/products', {
      id: 'product_odd',
      title: 'Odd',
      attributes,
      categories: [...NAMES].slice(0, 20),
      variants,
    });
    await keep('post /v1/products/product_odd/publish');
    return attributes;
  }

  async function buy(skus: readonly string[], quantity: number, coupon?: string): Promise<string> {
    const { body } = await mine('post /v1/carts', { currency: 'GBP' });
    for (const sku of skus) await mine(`post /v1/carts/${body.id}/lines`, { sku, quantity });
    await mine(`put /v1/carts/${body.id}/shipping-address`, ADDRESS);
    await mine(`put /v1/carts/${body.id}/shipping-method`, { method: 'standard' });
    if (coupon !== undefined) await mine(`post /v1/carts/${body.id}/coupons/${coupon}`);
    return (await mine(`post /v1/carts/${body.id}/checkout`, { paymentMethod: 'pm_card_visa' })).body.id;
  }

  it('is sold, shipped and returned', async () => {
    const attributes = await sell(NAMES);
    for (const sku of NAMES) await keep(`post /v1/stock/${sku}/receipts`, { location: sku, quantity: 5 });
    await keep('put /v1/coupons/CONSTRUCTOR', { kind: 'amount', amount: 100, currency: 'GBP' });
    const orderId = await buy(NAMES, 2, 'CONSTRUCTOR');
    for (const sku of NAMES) {
      const { body } = await support(`post /v1/orders/${orderId}/shipments`, { location: sku });
      await support(`post /v1/shipments/${body.id}/dispatch`);
    }
    const lines = NAMES.map((_, index) => ({ lineId: String(index + 1), quantity: 1, reason: 'odd' }));
    const { body } = await mine(`post /v1/orders/${orderId}/returns`, { lines });
    await support(`post /v1/returns/${body.id}/approve`);
    await support(`post /v1/returns/${body.id}/receive`, { location: NAMES[0] });
    for (const [index, sku] of NAMES.entries()) {
      expect((await stockAt(sku, sku)).onHand, sku).to.equal(index === 0 ? 4 : 3);
      expect((await stockAt(sku, the(NAMES[0]))).onHand, sku).to.equal(index === 0 ? 4 : 1);
    }

    const page = (await documentsOf(shop, productPage)).get('product_odd');
    const shown = the(productView(the(page)));
    expect(shown.attributes).to.deep.equal(attributes);
    expect(shown.variants.map(({ options }) => options)).to.deep.equal(NAMES.map((name) => ({ [name]: name })));
    const inStock = await documentsOf(shop, stockModel);
    const sold = await documentsOf(shop, unitsSold);
    for (const sku of NAMES) {
      const { onHand } = the(stockView(the(inStock.get(sku))).locations.find(({ location }) => location === sku));
      expect(onHand, sku).to.equal(sku === NAMES[0] ? 4 : 3);
      expect(unitsSoldOf(the(sold.get(sku))), sku).to.equal(2);
    }
  });

  it('is reported as short, with a number', async () => {
    await sell(NAMES);
    for (const sku of NAMES) await keep(`post /v1/stock/${sku}/receipts`, { location: sku, quantity: 1 });
    const { facts } = await problemOf(buy(NAMES, 2), 'out_of_stock');
    expect(facts.available).to.deep.equal(Object.fromEntries(NAMES.map((sku) => [sku, 1])));

    for (const sku of NAMES) await keep(`put /v1/stock/${sku}/policy`, { location: sku, backorderLimit: 5 });
    const orderId = await buy(NAMES, 2);
    for (const sku of NAMES) {
      const { body } = await support(`post /v1/orders/${orderId}/shipments`, { location: sku });
      const refusal = await problemOf(support(`post /v1/shipments/${body.id}/dispatch`), 'out_of_stock');
      expect(refusal.facts.available, sku).to.deep.equal({ [sku]: 1 });
    }
  });

  it('is missing at its location, and at no other', async () => {
    await sell(NAMES);
    for (const sku of NAMES) await keep(`post /v1/stock/${sku}/receipts`, { location: sku, quantity: 2 });
    await buy(NAMES, 2);
    for (const sku of NAMES) await keep(`post /v1/stock/${sku}/counts`, { location: sku, quantity: 1 });
    const due = [...(await documentsOf(shop, agenda)).values()].flatMap((document) =>
      document?.dueAt !== undefined && document.item?.kind === 'shortfall' ? [document.item] : [],
    );
    expect(due).to.have.deep.members(NAMES.map((sku) => ({ kind: 'shortfall', sku, orders: { [sku]: [] } })));
    for (const item of due) await shop.processes.shortfalls.look(item);
    const [told] = [...(await documentsOf(shop, agenda))].filter(([, document]) => document?.missing !== undefined);
    expect(Object.keys(the(told?.[1]?.missing))).to.have.lengthOf(1);
  });

  it('is rejected where it would set a prototype, or be lost beside an equal name', () => {
    const refused = (attributes: object) => productDetailsSchema.safeParse({ title: 'Odd', attributes }).error?.issues;
    for (const name of ['__proto__', ' __proto__', '\u200d__proto__ ']) {
      const issues = refused(JSON.parse(`{${JSON.stringify(name)}:"x","a":"b"}`));
      if (name !== '__proto__') expect(JSON.stringify(issues), name).to.contain('is not an allowed name of a field');
    }
    expect(refused({ size: 'L', ' size': 'M' })).to.have.nested.property('[0].message', 'is given more than once');
    expect(refused({ é: 1, 'e\u0301': 2 })).to.have.nested.property('[0].message', 'is given more than once');
    expect(refused({ size: 'L', ' sizes': 'M' })).to.equal(undefined);
    const prices = [{ amount: 1, currency: 'GBP' }];
    expect(variantSchema.safeParse({ sku: '__proto__', prices }).success).to.equal(false);
  });
});
