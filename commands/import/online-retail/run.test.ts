// The whole import on an event store in memory: once, twice, extended, and killed at any moment.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { expect } from 'chai';
import fc from 'fast-check';
import { type ReturnCommand, returns } from '../../../domain/fulfilment/return.js';
import { orThrow, Unavailable } from '../../../domain/kernel/errors.js';
import { streamId } from '../../../domain/kernel/stream.js';
import { customerIdSchema } from '../../../domain/order/events.js';
import { order } from '../../../domain/order/order.js';
import { stockItem, stockStream } from '../../../domain/stock/stock-item.js';
import { runsOf } from '../../../test/every-case.js';
import { FIXTURE } from '../../../test/fixtures/online-retail.js';
import { booksOf, createImportWorld, type ImportWorld } from '../../../test/import-world.js';
import { the } from '../../../test/the.js';
import { ImportError } from '../import-error.js';
import { importMeta } from './ports.js';
import { importInvoices } from './run.js';

const HEADER = 'InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country';
const DAY_MS = 24 * 60 * 60_000;

/** The written events, without the log's own times and without the sequence where it does not matter. */
async function shopAfter(world: ImportWorld): Promise<Record<string, string[]>> {
  const shop: Record<string, string[]> = {};
  for (const category of ['product', 'sku', 'stock', 'order', 'payment', 'checkout', 'return']) {
    for (const { stream, event } of await world.events(category)) {
      if (event.type === 'StockDepleted' || event.type === 'StockReplenished') continue;
      shop[stream] ??= [];
      shop[stream].push(
        JSON.stringify([event.type, event.occurredAt.startsWith('2010') && event.occurredAt, event.data]),
      );
    }
  }
  for (const events of Object.values(shop)) events.sort();
  return shop;
}

describe('An import of invoices', () => {
  it('creates one order for each invoice with a line, unchanged and at its own time', async () => {
    const world = createImportWorld();
    await world.run(FIXTURE);
    const orders = await world.events('order');
    const placed = orders.flatMap(({ event }) => (event.type === 'OrderPlaced' ? [event] : []));
    expect(placed.map(({ data }) => data.orderId).sort()).to.deep.equal(
      ['536365', '536366', '536368', '536374', '536375', '536379'].map((number) => `order_${number}`),
    );
    const byId = new Map(placed.map((event) => [event.data.orderId, event]));

    const hearts = the(byId.get('order_536365'));
    expect(hearts).to.deep.include({
      occurredAt: '2010-12-01T08:26:00.000Z',
      actor: { type: 'import', id: 'online-retail' },
    });
    expect(hearts.data).to.deep.include({
      customerId: 'customer_17850',
      placedBy: 'staff',
      currency: 'GBP',
      labels: { country: 'United Kingdom' },
      shipping: { method: 'POST', title: 'POST', amount: 3600 },
      total: 4074 + 3600,
    });
    expect(hearts.data.lines.map(({ sku, quantity, unitPrice }) => [sku, quantity, unitPrice])).to.deep.equal([
      ['85123A', 6, 255],
      ['71053', 6, 339],
      ['85123A', 2, 255],
    ]);

    const guest = the(byId.get('order_536366')).data;
    expect(guest).to.include({ customerId: 'customer_guest-536366' });
    expect(guest.lines.map(({ sku, title }) => [sku, title])).to.deep.equal([
      ['22633', 'HAND WARMER "UNION JACK"'],
      ['22632', 'HAND WARMER RED POLKA DOT'],
    ]);
    expect(guest.shipping).to.deep.equal({ method: 'DOT+C2', title: 'DOT+C2', amount: 5010 });
    expect(the(byId.get('order_536374')).data).not.to.have.property('labels');

    const types = orders.filter(({ stream }) => stream === 'order#536366').map(({ event }) => event.type);
    expect(types).to.deep.equal(['OrderPlaced', 'OrderConfirmed', 'OrderFulfilled', 'OrderCompleted']);
    expect(new Set(orders.map(({ event }) => event.occurredAt.slice(0, 10)))).to.deep.equal(new Set(['2010-12-01']));
  });

  it('ships each SKU of an order once, and leaves only returned units on hand, none reserved or committed', async () => {
    const world = createImportWorld();
    await world.run(FIXTURE);
    const stock = await world.events('stock');
    const onHand: Record<string, number> = {};
    const open = new Map<string, number>();
    for (const { stream, event } of stock) {
      if (event.type === 'StockReceived') onHand[stream] = (onHand[stream] ?? 0) + event.data.quantity;
      if (event.type === 'StockAdjusted') onHand[stream]! += event.data.delta;
      if (event.type === 'StockReturned') onHand[stream]! += event.data.quantity;
      if (event.type === 'StockReserved') open.set(`${stream} ${event.data.reservationId}`, event.data.quantity);
      if (event.type === 'StockShipped') {
        onHand[stream]! -= event.data.quantity;
        open.delete(`${stream} ${event.data.reservationId}`);
      }
    }
    expect([...open]).to.deep.equal([]);
    expect(onHand).to.deep.equal({
      'stock#85123A@main': 5,
      'stock#71053@main': 2,
      'stock#22633@main': 0,
      'stock#22632@main': 2,
      'stock#84029G@main': 32,
      'stock#22139@main': 0,
    });
    const shipped = stock.filter(
      ({ stream, event }) => stream === 'stock#85123A@main' && event.type === 'StockShipped',
    );
    expect(shipped.map(({ event }) => 'quantity' in event.data && event.data.quantity)).to.deep.equal([8, 1]);
    const adjusted = stock.flatMap(({ event }) => (event.type === 'StockAdjusted' ? [event.data] : []));
    expect(adjusted.map(({ sku, delta, reason }) => [sku, delta, reason])).to.have.deep.members([
      ['71053', -3, 'damages'],
      ['22139', -7, 'unspecified'],
    ]);
  });

  it('returns units that a customer kept to the orders that they were bought with, at the price paid and at its own time', async () => {
    const world = createImportWorld();
    await world.run(FIXTURE);
    const told = (await world.events('return')).filter(({ stream }) => stream.startsWith('return#C536377'));
    expect(told.map(({ event }) => [event.type, 'orderId' in event.data && event.data.orderId])).to.have.deep.members(
      ['order_536365', 'order_536375'].flatMap((orderId) =>
        ['ReturnRequested', 'ReturnApproved', 'ReturnReceived'].map((type) => [type, orderId]),
      ),
    );
    expect(the(told.find(({ event }) => event.type === 'ReturnRequested')).event.data).to.include({
      customerId: 'customer_17850',
    });
    const received = told.flatMap(({ event }) => (event.type === 'ReturnReceived' ? [event.data] : []));
    expect(received).to.have.deep.members([
      {
        returnId: 'return_C536377-536375',
        orderId: 'order_536375',
        lines: [{ lineId: '1', quantity: 1 }],
        location: 'main',
        amount: 295,
      },
      {
        returnId: 'return_C536377-536365',
        orderId: 'order_536365',
        lines: [
          { lineId: '3', quantity: 2 },
          { lineId: '1', quantity: 1 },
          { lineId: '1', quantity: 1 },
        ],
        location: 'main',
        amount: 1020,
      },
    ]);
    const refunds = (await world.events('payment')).flatMap(({ stream, event }) =>
      event.type === 'PaymentRefunded' ? [[stream, event.data.amount, event.occurredAt.slice(11, 16)]] : [],
    );
    expect(refunds).to.have.deep.members([
      ['payment#536365', 678, '08:37'],
      ['payment#536374', 10848, '09:33'],
      ['payment#536375', 295, '10:00'],
      ['payment#536365', 1020, '10:00'],
      ['payment#536379', 390, '10:40'],
    ]);
    const times = (await world.events('return')).map(({ event }) => event.occurredAt.slice(0, 10));
    expect(new Set(times)).to.deep.equal(new Set(['2010-12-01']));
    const restocked = (await world.events('stock')).filter(({ event }) => event.type === 'StockReturned');
    expect(new Set(restocked.map(({ event }) => event.occurredAt.slice(0, 10)))).to.deep.equal(new Set(['2010-12-01']));
  });

  it('does not match units that the shop took back already, and reports those that it takes back meanwhile', async () => {
    const takeBack = async (world: ImportWorld) => {
      const { runner, clock } = world.ports();
      const lines = [{ lineId: '2', quantity: 5 }];
      const requested = { returnId: 'return_1', orderId: 'order_536365', customerId: 'customer_17850' };
      const asked = [
        { type: 'RequestReturn', ...requested, lines, reasons: ['broken'] },
        { type: 'ApproveReturn' },
      ] as const;
      for (const one of asked) {
        orThrow(
          await runner.execute(returns, streamId('return', '1'), one as ReturnCommand, importMeta(clock, one.type)),
        );
      }
      const command = { type: 'ReceiveReturn', returnId: 'return_1', lines } as const;
      orThrow(await runner.execute(order, streamId('order', '536365'), command, importMeta(clock, 'by hand')));
    };
    const world = createImportWorld();
    await world.run(FIXTURE, { limit: 4 });
    const books = await booksOf(FIXTURE);
    await takeBack(world);
    const error = await importInvoices(world.ports(), books, new AbortController().signal).catch((reason) => reason);
    expect(error).to.be.instanceOf(ImportError);
    expect(error.message)
      .to.match(/^Invoice C536370 was refused by the shop: Line 2 of order_536365 has 1 units/)
      .and.to.include('run the import again');

    await world.run(FIXTURE);
    const received = (await world.events('order')).flatMap(({ stream, event }) =>
      event.type === 'OrderReturned' && stream === 'order#536365' ? event.data.returnId : [],
    );
    expect(received).to.deep.equal(['return_1', 'return_C536377-536365']);
    expect(await world.run(FIXTURE)).to.equal(0);
  });

  it('publishes products with a price, and keeps the others as drafts', async () => {
    const world = createImportWorld();
    await world.run(FIXTURE);
    const published = new Set<string>();
    const titles: Record<string, string> = {};
    for (const { event } of await world.events('product')) {
      if (event.type === 'ProductPublished') published.add(event.data.productId);
      if (event.type === 'ProductDrafted') titles[event.data.productId] = event.data.title;
    }
    expect(titles).to.deep.equal({
      product_85123A: 'CREAM HANGING HEART T-LIGHT HOLDER',
      product_71053: 'WHITE METAL LANTERN',
      product_22633: 'HAND WARMER "UNION JACK"',
      product_22632: 'HAND WARMER RED POLKA DOT',
      product_84029G: 'KNITTED UNION FLAG HOT WATER BOTTLE',
      product_22139: '22139',
    });
    expect(Object.keys(titles).filter((id) => !published.has(id))).to.deep.equal(['product_22139']);
  });

  it('changes nothing the second time, at any later time', async () => {
    const world = createImportWorld();
    expect(await world.run(FIXTURE)).to.be.above(0);
    expect(await world.run(FIXTURE)).to.equal(0);
    world.advance(DAY_MS);
    expect(await world.run(FIXTURE)).to.equal(0);
  });

  it('adds missing data in a longer run, and updates the title to the most common one', async () => {
    const whole = createImportWorld();
    await whole.run(FIXTURE);
    const grown = createImportWorld();
    for (const limit of [1, 4, 8, undefined]) {
      await grown.run(FIXTURE, limit === undefined ? {} : { limit });
      grown.advance(DAY_MS);
    }
    const [once, grownTo] = [await shopAfter(whole), await shopAfter(grown)];
    for (const stream of Object.keys(once).filter((name) => /^(order|payment|checkout|return|sku)#/.test(name))) {
      expect(grownTo[stream], stream).to.deep.equal(once[stream]);
    }
    const received = async (world: ImportWorld) => {
      const units: Record<string, number> = {};
      for (const { event } of await world.events('stock')) {
        if (event.type === 'StockReceived') units[event.data.sku] = (units[event.data.sku] ?? 0) + event.data.quantity;
      }
      return units;
    };
    expect(await received(grown)).to.deep.equal(await received(whole));
    const titles = (await grown.events('product')).flatMap(({ stream, event }) =>
      stream === 'product#85123A' && 'title' in event.data ? [[event.type, event.data.title]] : [],
    );
    expect(titles).to.deep.equal([
      ['ProductDrafted', 'WHITE HANGING HEART T-LIGHT HOLDER'],
      ['ProductRevised', 'CREAM HANGING HEART T-LIGHT HOLDER'],
    ]);
  });

  it('returns the same in one run as in several, wherever the rows of the file are', async () => {
    const row = fc.record({
      invoice: fc.constantFrom('536001', '536002', '536003', 'C536004', 'C536005', 'C536006'),
      customer: fc.constantFrom('17850', '13047'),
      units: fc.integer({ min: 1, max: 4 }),
      minute: fc.integer({ min: 10, max: 59 }),
    });
    const whatReturns = async (world: ImportWorld) =>
      Object.entries(await shopAfter(world)).filter(([stream]) => /^(order|payment|return)#/.test(stream));
    const file = join(await mkdtemp(join(tmpdir(), 'returns-')), 'invoices.csv');
    await fc.assert(
      fc.asyncProperty(fc.array(row, { maxLength: 20 }), fc.integer({ min: 1, max: 5 }), async (rows, limit) => {
        const texts = rows.map(({ invoice, customer, units, minute }) => {
          const quantity = invoice.startsWith('C') ? -units : units;
          return `${invoice},10001,A,${quantity},2010-12-01 08:${minute}:00,${units}.00,${customer},France`;
        });
        await writeFile(file, [HEADER, ...texts, ''].join('\n'));
        const [once, twice] = [createImportWorld(), createImportWorld()];
        await once.run(file);
        await twice.run(file, { limit });
        await twice.run(file);
        expect(await whatReturns(twice)).to.have.deep.members(await whatReturns(once));
      }),
      { numRuns: runsOf(40) },
    );
    await rm(dirname(file), { recursive: true });
  });

  it('sells and loses the units of a later file, whatever earlier files took and the shop has promised', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'files-'));
    const fileOf = async (name: string, rows: readonly string[]) => {
      await writeFile(join(folder, name), [HEADER, ...rows, ''].join('\n'));
      return join(folder, name);
    };
    const first = await fileOf('1.csv', ['536001,10001,A,10,2010-12-01 08:10:00,1.00,17850,France']);
    const later = await fileOf('2.csv', [
      '536002,10001,A,3,2010-12-01 08:20:00,1.00,17850,France',
      '536003,10001,lost,-4,2010-12-01 08:30:00,0,,France',
    ]);
    const world = createImportWorld();
    await world.run(first);
    const { runner, clock } = world.ports();
    const key = { sku: '10001', location: 'main' };
    const stocked = [
      { type: 'ReceiveStock', ...key, productId: 'product_10001', movementId: 'by hand', quantity: 2 },
      { type: 'ReserveStock', ...key, reservationId: 'order_of_the_shop', quantity: 2 },
    ] as const;
    for (const command of stocked)
      orThrow(await runner.execute(stockItem, stockStream(key), command, importMeta(clock, command.type)));
    await world.run(later);
    expect((await runner.load(stockItem, stockStream(key))).state).to.include({ onHand: 2, reserved: 2, committed: 0 });
    expect(await world.run(first)).to.equal(0);
    expect(await world.run(later)).to.equal(0);
    await rm(folder, { recursive: true });
  });

  it('has the same result from one file as from any parts of it, in sequence, repeated and overlapping', async () => {
    const row = fc.record({
      kind: fc.constantFrom('sale', 'return', 'loss'),
      customer: fc.constantFrom('17850', '13047', ''),
      code: fc.constantFrom('10001', '10002'),
      units: fc.integer({ min: 1, max: 4 }),
      isNew: fc.boolean(),
    });
    const folder = await mkdtemp(join(tmpdir(), 'parts-'));
    const fileOf = async (name: string, invoices: readonly string[][]) => {
      await writeFile(join(folder, name), [HEADER, ...invoices.flat(), ''].join('\n'));
      return join(folder, name);
    };
    const comparable = async (world: ImportWorld) =>
      Object.fromEntries(Object.entries(await shopAfter(world)).filter(([stream]) => !stream.startsWith('product#')));
    await fc.assert(
      fc.asyncProperty(
        fc.array(row, { minLength: 2, maxLength: 24 }),
        fc.array(fc.nat(24), { maxLength: 3 }),
        fc.nat(3),
        async (rows, cuts, overlap) => {
          const invoices: string[][] = [];
          let last = '';
          for (const { kind, customer, code, units, isNew } of rows) {
            if (isNew || kind !== last) invoices.push([]);
            last = kind;
            const n = String(invoices.length);
            const number = `${kind === 'return' ? 'C' : ''}536${n.padStart(3, '0')}`;
            const rest = `2010-12-01 08:${n.padStart(2, '0')}:00,${kind === 'loss' ? 0 : units}.00,${customer},France`;
            the(invoices.at(-1)).push(`${number},${code},A,${kind === 'sale' ? units : -units},${rest}`);
          }
          const whole = createImportWorld();
          const file = await fileOf('whole.csv', invoices);
          await whole.run(file);

          const places = [0, ...cuts.map((cut) => cut % (invoices.length + 1)).sort((a, b) => a - b), invoices.length];
          const parts = createImportWorld();
          const files: string[] = [];
          for (let n = 1; n < places.length; n++) {
            const from = Math.max(0, the(places[n - 1]) - overlap);
            files.push(await fileOf(`${n}.csv`, invoices.slice(from, places[n])));
          }
          for (const part of files) await parts.run(part);
          expect(await comparable(parts)).to.deep.equal(await comparable(whole));
          for (const part of [...files, file]) expect(await parts.run(part), part).to.equal(0);
          expect(parts.differing()).to.deep.equal([]);
        },
      ),
      { numRuns: runsOf(30) },
    );
    await rm(folder, { recursive: true });
  });

  it('keeps an invoice as it was first imported, and names those that differ in a later file', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'otherwise-'));
    const rows = ['A', 'B', 'C'].map((title) => `536001,10001,${title},1,2010-12-01 08:10:00,1.00,17850,France`);
    const world = createImportWorld();
    for (const [n, some] of [rows.slice(0, 2), rows.slice(2)].entries()) {
      await writeFile(join(folder, `${n}.csv`), [HEADER, ...some, ''].join('\n'));
      await world.run(join(folder, `${n}.csv`));
    }
    expect(world.differing()).to.deep.equal(['536001']);
    const placed = (await world.events('order')).filter(({ event }) => event.type === 'OrderPlaced');
    expect(placed).to.have.length(1);
    await rm(folder, { recursive: true });
  });

  it('keeps customers apart whose long names begin with the same characters', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'customers-'));
    const names = ['A', 'B'].map((end) => `${'Öl & Söhne '.repeat(5)}${end}`);
    const rows = names.map((name, n) => `53600${n},10001,A,1,2010-12-01 08:10:00,1.00,${name},France`);
    await writeFile(join(folder, 'invoices.csv'), [HEADER, ...rows, ''].join('\n'));
    const world = createImportWorld();
    await world.run(join(folder, 'invoices.csv'));
    const customers = (await world.events('order')).flatMap(({ event }) =>
      event.type === 'OrderPlaced' ? event.data.customerId : [],
    );
    expect(new Set(customers)).to.have.property('size', 2);
    for (const id of customers) expect(customerIdSchema.safeParse(id).success, id).to.equal(true);
    await rm(folder, { recursive: true });
  });

  it('waits for an engine that is down for a moment, and repeats unanswered commands', async () => {
    const undisturbed = createImportWorld();
    await undisturbed.run(FIXTURE);
    const world = createImportWorld();
    let appends = 0;
    const flaky = world.ports({
      afterAppend() {
        if (++appends === 3 || appends === 20 || appends === 80) throw new Unavailable('Memory', 'away');
      },
    });
    await importInvoices(flaky, await booksOf(FIXTURE), new AbortController().signal);
    expect(await shopAfter(world)).to.deep.equal(await shopAfter(undisturbed));
  });

  it('has the same result when it is killed at any append and started again, at once or a day later', async () => {
    const undisturbed = createImportWorld();
    const commits = await undisturbed.run(FIXTURE);
    const expected = await shopAfter(undisturbed);
    const kill = fc.record({
      dieAt: fc.integer({ min: 1, max: commits }),
      stored: fc.boolean(),
      pause: fc.constantFrom(0, DAY_MS),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(kill, { minLength: 1, maxLength: 3 }), async (kills) => {
        const world = createImportWorld();
        for (const { dieAt, stored, pause } of kills) {
          await world.run(FIXTURE, { dieAt, stored });
          world.advance(pause);
        }
        await world.run(FIXTURE);
        expect(await shopAfter(world)).to.deep.equal(expected);
        expect(await world.run(FIXTURE)).to.equal(0);
      }),
      { numRuns: runsOf(40) },
    );
  });
});
