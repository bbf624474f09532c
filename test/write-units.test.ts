// The exact cost of commands on DynamoDB through the whole command path: write units, requests and round trips.
import { randomBytes, randomUUID } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import type { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { expect } from 'chai';
import { type CommandRunner, createCommandRunner } from '../commands/runtime/command-runner.js';
import { type CartCommand, cart } from '../domain/cart/cart.js';
import { eventTypes } from '../domain/events.js';
import type { CommandMeta } from '../domain/kernel/command.js';
import type { Decider } from '../domain/kernel/decider.js';
import type { Caller } from '../domain/kernel/endpoint.js';
import { orThrow } from '../domain/kernel/errors.js';
import type { Actor, DomainEvent } from '../domain/kernel/event.js';
import type { EventStore } from '../domain/kernel/event-store.js';
import { DEFAULT_LOCATION, streamOf } from '../domain/kernel/id.js';
import { defined } from '../domain/kernel/json.js';
import type { PersonalData } from '../domain/kernel/personal.js';
import type { StreamId } from '../domain/kernel/stream.js';
import { type OrderCommand, type OrderContents, order } from '../domain/order/order.js';
import { orderLines } from '../domain/order/order-lines.js';
import { type PaymentCommand, payment } from '../domain/payment/payment.js';
import { orderOfCart } from '../domain/processes/checkout.js';
import { type ProductCommand, product } from '../domain/product/product.js';
import { skuClaim, skuClaimStream } from '../domain/product/sku-claim.js';
import { type StockCommand, stockItem, stockStream } from '../domain/stock/stock-item.js';
import { createLocalKeyWrap } from '../infra/crypto/master-key.js';
import { createPersonalData } from '../infra/crypto/personal-data.js';
import { createDynamoSubjectKeys, createSubjectKeysTable } from '../infra/crypto/subject-keys-dynamodb.js';
import { createCommitCodec } from '../infra/event-store/codec.js';
import { createDynamoEventStore, createEventsTable } from '../infra/event-store/dynamodb/dynamodb-event-store.js';
import { randomId } from '../infra/ids.js';
import { ORDER } from '../scripts/capacity/units.js';
import { describeOnAws, meterWrites, recordOperations } from './aws.js';
import { freshName } from './engines.js';
import { openProcesses } from './processes.js';
import { createShop, type Shop as Shopfront, SUPPORT, sell } from './shop.js';
import { the } from './the.js';

const codec = createCommitCodec(eventTypes);

const ADDRESS = {
  name: 'Ada Lovelace',
  line1: '12 St James Square',
  city: 'London',
  postcode: 'SW1Y 4JH',
  country: 'GB',
};
const PAYMENT = { provider: 'test', method: 'pm_card_visa' } as const;
const SHIPPING = { method: 'standard', title: 'Standard delivery', amount: 395 };

describeOnAws('The log on DynamoDB', (aws) => {
  const table = freshName('events');
  let personal: PersonalData;

  before(async () => {
    const client = aws.dynamodb();
    const keysTable = freshName('keys');
    await createEventsTable({ client, table });
    await createSubjectKeysTable({ client, table: keysTable });
    const keys = createDynamoSubjectKeys({ client, table: keysTable });
    personal = createPersonalData({ keys, keyWrap: createLocalKeyWrap(randomBytes(32)), eventTypes });
  });

  function openProcess(): Process {
    const client = aws.dynamodb();
    const meter = { units: meterWrites(client), operations: recordOperations(client), trips: countRoundTrips(client) };
    const store = createDynamoEventStore({ client, table, codec });
    return { store, runner: createCommandRunner({ store, eventTypes, personal, clock: Date.now }), ...meter };
  }

  it('costs one request, one write unit on the table and one on its index for a command up to 1 KB', async () => {
    const process = openProcess();
    const shop = shopOn(process.runner);
    await process.runner.load(cart, streamOf(shop.cartId)); // the answer shows the store's clock
    const dearer: Record<string, Cost> = {};
    for (const [name, issue] of Object.entries({ ...stocking(shop), ...filling(shop), ...selling(shop) })) {
      const cost = await costOf(process, issue);
      if (!isDeepStrictEqual(cost, PUT)) dearer[name] = cost;
    }
    expect(dearer).to.deep.equal({
      // Streams that may exist already are read first, and known from then on.
      'claim a SKU': READ_AND_PUT,
      // Opened, received, available again: three events, in more than 1 KB.
      'open stock by a receipt': { ...READ_AND_PUT, table: 2 },
      'open other stock by a receipt': { ...READ_AND_PUT, table: 2 },
      // Two events each.
      'draft a product': { ...PUT, table: 2 },
      'fulfil an order': { ...PUT, table: 2 },
      // One large event: two lines, and the sealed e-mail address and postal address.
      'place an order': { ...PUT, table: 2 },
      // Contains the parts of its order, beside its lines and its address.
      'submit a cart': { ...PUT, table: 2 },
    });
  });

  describe('for a checkout of two lines', () => {
    // One commit each: order placed · 2 × stock reserved · authorisation requested, and answered · order confirmed. The first
    // contains the whole order, and the answer the card that paid, each in more than 1 KB. The two stock items are written in
    // parallel, the rest in sequence.
    const commits = Array<string>(6).fill('PutItem');
    const warm: Cost = { operations: commits, table: 8, index: 6, roundTrips: 5 };
    /** 2 × reservation committed, in parallel. The answer does not wait for it. */
    const behind: Cost = { operations: ['PutItem', 'PutItem'], table: 2, index: 2, roundTrips: 1 };

    let inProcess: Process;
    let shop: Shop;
    let checkOut: (process: Process) => Promise<unknown>;

    beforeEach(async () => {
      inProcess = openProcess();
      shop = shopOn(inProcess.runner);
      for (const issue of Object.values({ ...stocking(shop), ...filling(shop) })) await issue();
      const { state } = await inProcess.runner.load(cart, streamOf(shop.cartId));
      checkOut = ({ runner, store }) =>
        openProcesses({ runner, store }).checkout.run(orderOfCart(the(state)), {
          correlationId: randomUUID(),
          actor: shop.actor,
        });
    });

    it('costs 6 commits in 5 round trips until the answer, and 2 commits in one round trip after it', async () => {
      expect(await costOf(inProcess, () => checkOut(inProcess))).to.deep.equal(warm);
      expect(await costOf(inProcess, inProcess.trips.ended)).to.deep.equal(behind);
    });

    it("costs three more reads in a process that knows neither the store's clock nor the stock", async () => {
      const another = openProcess();
      const { operations, table, index } = await costOf(another, () => checkOut(another));
      // The clock before the first write, then both stock items. New streams are not read.
      const expected = ['Query', 'PutItem', 'Query', 'Query', ...commits.slice(1)];
      expect({ operations, table, index }).to.deep.equal({ operations: expected, table: 8, index: 6 });
      expect(await costOf(another, another.trips.ended)).to.deep.equal(behind);
    });
  });

  it("costs a guest's order 12 commits until it is confirmed, 2 then, and 8 until it is shipped and paid", async () => {
    const client = aws.dynamodb();
    const meter = { units: meterWrites(client), operations: recordOperations(client), trips: countRoundTrips(client) };
    const store = createDynamoEventStore({ client, table, codec });
    // The clock stands still, so that everything that was read stays known during the test.
    const began = Date.now();
    const answered = createGate();
    const shop = createShop({
      store,
      personal,
      clock: () => began,
      through: (runner) => withLongIds(withCommitsBehind(runner, answered)),
    });
    const skus = [`MUG-${randomId(Date.now()).slice(-6)}`, `TEAPOT-${randomId(Date.now()).slice(-6)}`] as const;
    for (const sku of skus) await sell(shop, sku, 895);
    // The first order of a process reads the tariffs, as every few seconds, and leases a hundred order numbers.
    for (const send of Object.values(guestOrder(shop, skus))) {
      await send();
      answered.open();
      await meter.trips.ended();
    }
    answered.close();

    const costs: Record<string, object> = {};
    const measure = async (what: string, act: () => Promise<unknown>) => {
      const { operations, ...cost } = await costOf(meter, act);
      if (operations.length === 0) return;
      costs[what] = { reads: operations.filter((operation) => operation === 'Query').length, ...cost };
    };
    for (const [request, send] of Object.entries(guestOrder(shop, skus))) {
      await measure(request, send);
      answered.open();
      await measure(`after ${request}`, meter.trips.ended);
      answered.close();
    }
    const append = { reads: 0, table: 1, index: 1, roundTrips: 1 };
    expect(costs).to.deep.equal({
      cart: append,
      line: append,
      'another line': append,
      address: append,
      method: append,
      // The submitted cart and the checkout as above.
      checkout: { reads: 0, table: 10, index: 7, roundTrips: 6 },
      'after checkout': { reads: 0, table: 2, index: 2, roundTrips: 1 },
      // Reads: the shipment, its order, and the streams that follow from both.
      shipment: { reads: 2, table: 1, index: 1, roundTrips: 3 },
      // Fulfilled · dispatched · 2 × stock shipped · capture requested, and answered · settled and completed. Read before: the
      // shipment, its order and, side by side, whether its units are there.
      dispatch: { reads: 7, table: 8, index: 7, roundTrips: 12 },
    });
    const total = (of: 'reads' | 'table' | 'index') =>
      Object.values(costs).reduce((sum, cost) => sum + the((cost as Record<typeof of, number>)[of]), 0);
    expect({ reads: total('reads'), tableUnits: total('table'), indexUnits: total('index') }).to.deep.equal({
      reads: ORDER.reads,
      tableUnits: ORDER.tableUnits,
      indexUnits: ORDER.indexUnits,
    });
  });
});

/** A process of the shop, and its requests to the log. */
interface Process extends Meter {
  store: EventStore;
  runner: CommandRunner;
}

interface Meter {
  units: { table: number; index: number };
  operations: string[];
  trips: RoundTrips;
}

interface Cost {
  operations: string[];
  /** Write units. */
  table: number;
  index: number;
  roundTrips: number;
}

const PUT: Cost = { operations: ['PutItem'], table: 1, index: 1, roundTrips: 1 };
const READ_AND_PUT: Cost = { operations: ['Query', 'PutItem'], table: 1, index: 1, roundTrips: 2 };

async function costOf({ units, operations, trips }: Meter, act: () => Promise<unknown>): Promise<Cost> {
  const before = { ...units, operations: operations.length, trips: trips.count };
  await act();
  return {
    operations: operations.slice(before.operations),
    table: units.table - before.table,
    index: units.index - before.index,
    roundTrips: trips.count - before.trips,
  };
}

/** One customer's story, with ids as long as the product's. */
function shopOn(runner: CommandRunner) {
  const id = randomId(Date.now());
  const mug = { sku: `MUG-${id.slice(-6)}`, title: 'Blue mug, 300 ml', quantity: 2, unitPrice: 895 };
  const teapot = { sku: `TEAPOT-${id.slice(-6)}`, title: 'Teapot for six, 2 l', quantity: 1, unitPrice: 2_450 };
  const customerId = `customer_${id}`;
  const actor: Actor = { type: 'customer', id: customerId };

  function execute<C, S, E extends DomainEvent>(
    decider: Decider<C, S, E>,
    stream: StreamId,
    command: C,
    isNew = false,
  ) {
    const meta: CommandMeta = {
      id: randomId(Date.now()),
      issuedAt: Date.now(),
      correlationId: randomUUID(),
      actor,
      ...(isNew && { newStream: true }),
    };
    return () => runner.execute(decider, stream, command, meta).then(orThrow);
  }

  return { id, mug, teapot, customerId, actor, cartId: `cart_${id}`, execute };
}

type Shop = ReturnType<typeof shopOn>;
type Commands = Record<string, () => Promise<unknown>>;

function stocking({ id, mug, teapot, execute }: Shop): Commands {
  const productId = `product_${id}`;
  const toProduct = (command: ProductCommand, isNew = false) => execute(product, streamOf(productId), command, isNew);
  const toStock = (command: StockCommand) => execute(stockItem, stockStream(command), command);
  const movement = (sku: string) => ({ sku, location: DEFAULT_LOCATION, movementId: randomId(Date.now()), productId });
  const details = {
    title: mug.title,
    description: 'Stoneware, glazed by hand, safe in the dishwasher.',
    brand: 'Hearth',
  };
  const variant = (amount: number) => ({ sku: mug.sku, prices: [{ amount, currency: 'GBP' }] });
  return {
    'claim a SKU': execute(skuClaim, skuClaimStream(mug.sku), { type: 'ClaimSku', sku: mug.sku, productId }),
    'draft a product': toProduct({ type: 'DraftProduct', productId, details, variants: [variant(795)] }, true),
    'price a variant': toProduct({ type: 'SetVariantPrices', variant: variant(mug.unitPrice) }),
    'publish a product': toProduct({ type: 'PublishProduct' }),
    'open stock by a receipt': toStock({ type: 'ReceiveStock', quantity: 40, ...movement(mug.sku) }),
    'open other stock by a receipt': toStock({ type: 'ReceiveStock', quantity: 10, ...movement(teapot.sku) }),
    'receive stock': toStock({ type: 'ReceiveStock', quantity: 40, ...movement(mug.sku) }),
    'adjust stock': toStock({
      type: 'AdjustStock',
      delta: -1,
      reason: 'broken in the warehouse',
      ...movement(mug.sku),
    }),
    'count stock': toStock({ type: 'CountStock', quantity: 78, ...movement(mug.sku) }),
  };
}

function filling({ id, mug, teapot, customerId, cartId, execute }: Shop): Commands {
  const toCart = (command: CartCommand, isNew = false) => execute(cart, streamOf(cartId), command, isNew);
  const add = ({ unitPrice, ...line }: Shop['mug']) =>
    toCart({
      type: 'AddCartLine',
      lineId: `line_${id}-${line.sku}`,
      ...line,
      unitPrice: { amount: unitPrice, currency: 'GBP' },
    });
  const priced = { number: '1000000', lines: orderLines([mug, teapot]), shipping: SHIPPING };
  const payment = { payment: PAYMENT, email: 'ada@example.com' } as const;
  return {
    'create a cart': toCart({ type: 'CreateCart', cartId, customerId, currency: 'GBP' }, true),
    'add a cart line': add(mug),
    'add another cart line': add(teapot),
    'set the address': toCart({ type: 'SetShippingAddress', address: ADDRESS }),
    'choose the shipping': toCart({ type: 'ChooseShippingMethod', method: SHIPPING.method }),
    'submit a cart': toCart({ type: 'SubmitCart', ...priced, ...payment }),
  };
}

/** The commands of the checkout, and later of the dispatch. */
function selling({ id, mug, teapot, customerId, cartId, execute }: Shop): Commands {
  const [orderId, paymentId, checkoutId] = [`order_${id}`, `payment_${id}`, `checkout_${id}`] as const;
  const stock = { sku: mug.sku, location: DEFAULT_LOCATION };
  const reservation = { ...stock, reservationId: orderId };
  const toStock = (command: StockCommand) => execute(stockItem, stockStream(stock), command);
  const toOrder = (command: OrderCommand, isNew = false) => execute(order, streamOf(orderId), command, isNew);
  const toPayment = (command: PaymentCommand, isNew = false) => execute(payment, streamOf(paymentId), command, isNew);
  const contents: OrderContents = {
    ...{
      orderId,
      customerId,
      placedBy: 'customer',
      currency: 'GBP',
      lines: orderLines([mug, teapot]),
      shipping: SHIPPING,
      payment: PAYMENT,
    },
    email: 'ada@example.com',
    shippingAddress: ADDRESS,
    cartId,
  };
  const amount = 2 * mug.unitPrice + teapot.unitPrice + SHIPPING.amount;
  const authorisation = { operationId: `${checkoutId}/authorise` };
  const capture = { operationId: `${checkoutId}/capture` };
  const asked = { paymentId, orderId, amount, currency: 'GBP', provider: 'test', method: 'pm_card_visa' } as const;
  return {
    'place an order': toOrder({ type: 'PlaceOrder', contents }, true),
    'reserve stock': toStock({ type: 'ReserveStock', ...reservation, quantity: mug.quantity }),
    'request an authorisation': toPayment({ type: 'RequestAuthorisation', ...authorisation, ...asked }, true),
    'record an authorisation': toPayment({
      type: 'RecordAuthorised',
      ...authorisation,
      amount,
      providerRef: `test_${paymentId}`,
    }),
    'commit a reservation': toStock({ type: 'CommitReservation', ...reservation }),
    'confirm an order': toOrder({ type: 'ConfirmOrder' }),
    'request a capture': toPayment({ type: 'RequestCapture', ...capture, amount }),
    'record a capture': toPayment({ type: 'RecordCaptured', ...capture }),
    'ship a reservation': toStock({ type: 'ShipReservation', ...reservation }),
    'fulfil an order': toOrder({ type: 'FulfilOrder', fulfilmentId: randomId(Date.now()) }),
  };
}

/** The requests of a guest who buys one of each, and of the staff who ship it. */
function guestOrder({ call }: Pick<Shopfront, 'call'>, skus: readonly string[]): Commands {
  const customerId = `customer_${randomId(Date.now())}`;
  const guest: Caller = { role: 'customer', id: customerId, customerId, guest: true };
  const as = (caller: Caller, target: () => string, body?: object) => () =>
    call(target(), { caller, key: keyOfRequest(), ...defined({ body }) });
  let cart = '';
  let order = '';
  let shipment = '';
  const addLine = (sku: string) => as(guest, () => `post /v1/carts/${cart}/lines`, { sku, quantity: 1 });
  return {
    cart: async () => {
      cart = (await as(guest, () => 'post /v1/carts', { currency: 'GBP' })()).body.id;
    },
    line: addLine(the(skus[0])),
    'another line': addLine(the(skus[1])),
    address: as(guest, () => `put /v1/carts/${cart}/shipping-address`, ADDRESS),
    method: as(guest, () => `put /v1/carts/${cart}/shipping-method`, { method: 'standard' }),
    checkout: async () => {
      const payment = { paymentMethod: 'pm_card_visa', email: 'ada@example.com' };
      order = (await as(guest, () => `post /v1/carts/${cart}/checkout`, payment)()).body.id;
    },
    shipment: async () => {
      shipment = (await as(SUPPORT, () => `post /v1/orders/${order}/shipments`, {})()).body.id;
    },
    dispatch: as(SUPPORT, () => `post /v1/shipments/${shipment}/dispatch`),
  };
}

/** As long as the product's: ids made in a request end in a number. */
function keyOfRequest(): string {
  return randomId(Date.now()).slice(0, -2);
}

/** The same for the ids of requests, which correlate the events. */
function withLongIds(runner: CommandRunner): CommandRunner {
  const correlationId = randomUUID();
  return {
    ...runner,
    execute: (decider, stream, command, meta) => runner.execute(decider, stream, command, { ...meta, correlationId }),
  };
}

interface Gate {
  opened: Promise<void>;
  open(): void;
  close(): void;
}

function createGate(): Gate {
  const gate: Gate = {
    opened: Promise.resolve(),
    open: () => {},
    close() {
      gate.opened = new Promise((resolve) => {
        gate.open = resolve;
      });
    },
  };
  gate.close();
  return gate;
}

/** Holds back the commits of reservations until the answer is there, because the answer must not wait for them. */
function withCommitsBehind(runner: CommandRunner, answered: Gate): CommandRunner {
  return {
    ...runner,
    async execute(decider, stream, command, meta) {
      if ((command as { type: string }).type === 'CommitReservation') await answered.opened;
      return runner.execute(decider, stream, command, meta);
    },
  };
}

interface RoundTrips {
  /** How often the client has sent a request while none was pending. */
  count: number;
  /** Resolves once no request is pending, nor about to be sent. */
  ended(): Promise<void>;
}

function countRoundTrips(client: DynamoDBClient): RoundTrips {
  let underWay = 0;
  const roundTrips: RoundTrips = {
    count: 0,
    async ended() {
      do await new Promise((resolve) => setTimeout(resolve, 20));
      while (underWay > 0);
    },
  };
  client.middlewareStack.add(
    (next) => async (request) => {
      if (underWay++ === 0) roundTrips.count++;
      try {
        return await next(request);
      } finally {
        underWay--;
      }
    },
    { step: 'initialize' },
  );
  return roundTrips;
}
