// Streams that grow for years. A new process reads the last snapshot and the commits after it, not the whole stream.
import { expect } from 'chai';
import { cart } from '../domain/cart/cart.js';
import { customer } from '../domain/customer/customer.js';
import type { CommandMeta } from '../domain/kernel/command.js';
import type { Decider } from '../domain/kernel/decider.js';
import { orThrow } from '../domain/kernel/errors.js';
import type { DomainEvent } from '../domain/kernel/event.js';
import { siblingId, streamOf } from '../domain/kernel/id.js';
import type { StreamId } from '../domain/kernel/stream.js';
import { product } from '../domain/product/product.js';
import { SHOP, shop as settings } from '../domain/shop/shop.js';
import { stockItem, stockStream } from '../domain/stock/stock-item.js';
import { SHIPPING_TABLE, shippingTable } from '../domain/tariffs/shipping-table.js';
import { TAX_TABLE, taxTable } from '../domain/tariffs/tax-table.js';
import { createKeyedHash } from '../infra/crypto/master-key.js';
import { createAuthenticSnapshots, type KeptText } from '../infra/event-store/authentic-snapshots.js';
import { createMemoryLog } from '../infra/event-store/memory.js';
import { createShop, fill, type Shop, sell } from './shop.js';
import { the } from './the.js';

const CHANGES = 700;

const kept = new Map<string, KeptText>();
const snapshots = createAuthenticSnapshots({
  texts: {
    load: async (stream, foldVersion) => kept.get(`${stream} ${foldVersion}`),
    save: async (stream, foldVersion, text) => void kept.set(`${stream} ${foldVersion}`, text),
    drop: async (stream, foldVersion) => void kept.delete(`${stream} ${foldVersion}`),
  },
  keyedHash: createKeyedHash(Buffer.alloc(32)),
  onDropped: (stream) => expect.fail(`The snapshot of ${stream} was dropped.`),
});

describe('A stream that grows for years', () => {
  const log = createMemoryLog();
  const shop = createShop({ log, snapshots });
  const mug = { sku: 'MUG', location: 'main' };
  let cartId: string;
  let commands = 0;

  before(async () => {
    await sell(shop, 'MUG', 500, 10);
    cartId = await fill(shop, { MUG: 1 });
  });

  /** Reads like `shop` and counts commits. */
  function counting(): { runner: Shop['runner']; read: () => number } {
    let read = 0;
    const store: Shop['store'] = {
      ...shop.store,
      async *read(stream, after) {
        for await (const commit of shop.store.read(stream, after)) {
          read++;
          yield commit;
        }
      },
    };
    return { runner: createShop({ log, store, snapshots }).runner, read: () => read };
  }

  function grows<C, S, E extends DomainEvent>(
    decider: Decider<C, S, E>,
    streamAfter: () => StreamId,
    change: (n: number) => C,
  ): void {
    it(`is read from its last snapshot: ${decider.category}`, async () => {
      const stream = streamAfter();
      for (let n = 0; n < CHANGES; n++) {
        const meta: CommandMeta = {
          id: `change-${commands++}`,
          issuedAt: Date.now(),
          correlationId: 'c',
          actor: { type: 'staff', id: 's' },
        };
        orThrow(await shop.runner.execute(decider, stream, change(n), meta));
      }
      const known = await shop.runner.load(decider, stream);
      expect(known.position.commitNo).to.be.at.least(CHANGES);
      const { runner, read } = counting();
      expect(await runner.load(decider, stream)).to.deep.equal(known);
      expect(read()).to.be.below(2 * the(decider.snapshot).every + 3);
    });
  }

  grows(
    product,
    () => streamOf('product_MUG'),
    (n) => ({ type: 'ReviseProduct' as const, changes: { title: `The mug ${n}` } }),
  );
  grows(
    stockItem,
    () => stockStream(mug),
    (n) => ({ type: 'ReceiveStock' as const, ...mug, productId: 'product_MUG', movementId: `m${n}`, quantity: 1 }),
  );
  grows(
    cart,
    () => streamOf(cartId),
    (n) => ({ type: 'ChooseShippingMethod' as const, method: n % 2 === 0 ? 'express' : 'standard' }),
  );
  grows(
    taxTable,
    () => TAX_TABLE,
    (n) => ({ type: 'SetTaxRate' as const, rate: { id: 'gb', country: 'GB', basisPoints: 1_000 + n } }),
  );
  grows(
    shippingTable,
    () => SHIPPING_TABLE,
    (n) => ({
      type: 'SetShippingMethod' as const,
      method: {
        id: 'standard',
        title: `Delivery ${n}`,
        zones: [{ currency: 'GBP', by: 'value' as const, rates: [{ amount: 1 }] }],
      },
    }),
  );
  grows(
    settings,
    () => SHOP,
    (n) => ({
      type: 'ConfigureShop' as const,
      settings: { currencies: n % 2 === 0 ? ['GBP'] : ['EUR'], countries: ['GB'] },
    }),
  );
  grows(
    customer,
    () => streamOf(siblingId('customer', cartId)),
    (n) => ({
      type: n % 2 === 0 ? ('SavePaymentMethod' as const) : ('RemovePaymentMethod' as const),
      customerId: siblingId('customer', cartId),
      method: 'pm_1',
    }),
  );
});
