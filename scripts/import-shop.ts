// The shop for an import: it counts the commits it appends, and knows when the read models show all of them.
import { ImportError } from '../commands/import/import-error.js';
import { chunksOf } from '../domain/kernel/collections.js';
import { defined } from '../domain/kernel/json.js';
import type { StreamId } from '../domain/kernel/stream.js';
import { runBackground } from '../infra/modules/background.js';
import { openShop, type Shop } from '../infra/modules/open-shop.js';
import type { ReadModels } from '../infra/modules/read-models.js';
import type { SealedOrderView } from '../projections/models/orders.js';
import type { Page } from '../projections/models/page.js';
import { sweep } from '../projections/runtime/sweep.js';
import type { ImportShop } from './import-run.js';
import { type CommonOptions, configOf } from './options.js';

/** Streams whose positions one query asks for, and its longest wait before it is repeated. */
const STREAMS_AT_ONCE = 5_000;
const WAIT_MS = 2_000;

/** Orders of a customer that one query reads. */
const PAGE_ORDERS = 100;

export async function openImportShop(options: CommonOptions): Promise<ImportShop> {
  // One entry for each stream that the import writes.
  const tails = new Map<StreamId, number>();
  let commits = 0;
  const shop = await openShop(configOf(options), {
    tell: console.error,
    onAppend(stream, commitNo) {
      tails.set(stream, commitNo);
      commits++;
    },
  });
  try {
    const readModels = await shop.get('readModels');
    const bulkFiles = await shop.get('bulkFiles');
    return {
      runner: await shop.get('runner'),
      store: await shop.get('eventStore'),
      checkout: await shop.get('checkout'),
      settlement: await shop.get('settlement'),
      settings: await shop.get('settings'),
      clock: await shop.get('clock'),
      source: bulkFiles.source,
      ordersOf: await ordersOf(shop),
      commits: () => commits,
      hostProjectors: (signal) => runBackground(shop, signal),
      async caughtUp(signal, earlier = new Map()) {
        // There is nothing to wait for, so a sweep looks for commits of an earlier run in the log.
        if (earlier.size + tails.size === 0) return sweepAll(shop);
        for await (const part of chunksOf(entriesOf(earlier, tails), STREAMS_AT_ONCE)) {
          const seen = new Map(part);
          while (!(await readModels.show(seen, WAIT_MS))) {
            signal.throwIfAborted();
            await refuseQuarantine(readModels);
          }
        }
      },
      close: () => shop.close(),
    };
  } catch (error) {
    await shop.close();
    throw error;
  }
}

/** Read as they are needed, because an import may have millions. Those that are added meanwhile are left out. */
async function* entriesOf(...maps: readonly ReadonlyMap<StreamId, number>[]): AsyncGenerator<[StreamId, number]> {
  for (const map of maps) {
    let left = map.size;
    for (const entry of map) {
      if (left-- === 0) break;
      yield entry;
    }
  }
}

/** Reads from the read model, once it shows the commits of earlier imports. */
async function ordersOf(shop: Shop): Promise<ImportShop['ordersOf']> {
  const { orders } = await shop.get('queries');
  let swept: Promise<void> | undefined;
  return async (customerId) => {
    swept ??= sweepAll(shop);
    await swept.catch((error) => {
      swept = undefined;
      throw error;
    });
    const ids: string[] = [];
    for (let after: Page<SealedOrderView>['next']; ; ) {
      const page = await (await orders.current()).list({ customerId, limit: PAGE_ORDERS, ...defined({ after }) });
      ids.push(...page.data.map(({ id }) => id));
      after = page.next;
      if (!after) return ids;
    }
  };
}

async function sweepAll(shop: Shop): Promise<void> {
  const { projectors } = await shop.get('readModels');
  const targets = projectors.map((projector) => ({ projector, inTurn: <T>(work: () => Promise<T>) => work() }));
  await sweep(await shop.get('eventStore'), targets);
}

/** A read model with a quarantined stream will never show that stream. */
async function refuseQuarantine({ projectors }: ReadModels): Promise<void> {
  for (const projector of projectors) {
    const [stuck] = await projector.quarantined();
    if (!stuck) continue;
    const { projection, stream, commitNo, error } = stuck;
    throw new ImportError(
      `The import is complete, but ${projection} cannot apply commit ${commitNo} of ${stream}: ${error}. See \`commerce status\`.`,
    );
  }
}
