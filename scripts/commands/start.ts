// `commerce start`: runs the whole product in one process until Ctrl-C or SIGTERM.
import { setTimeout as delay } from 'node:timers/promises';
import { Command } from 'commander';
import { endAll } from '../../infra/engines/ending.js';
import { requireFreePort, startServer } from '../../infra/http/server.js';
import { runBackground } from '../../infra/modules/background.js';
import { openShop, type Shop } from '../../infra/modules/open-shop.js';
import { openStores } from '../../infra/modules/open-stores.js';
import { limitHeapGrowth } from '../heap.js';
import { type CommonOptions, configOf, withPort, withProfile } from '../options.js';
import { fillEmptyShop } from '../sample-shop.js';
import { stopSignal } from '../stopping.js';

/** How long the welcome message waits until the read models show the sample shop. */
const SHOW_MS = 10_000;

/** In percent. */
const HEAP_GROWTH = 100;

interface StartOptions extends CommonOptions {
  port: number;
  host: string;
  empty?: boolean;
}

export function startCommand(): Command {
  return withPort(withProfile(new Command('start')))
    .description('run the whole product: commands, projectors, read API')
    .option('--host <address>', 'address to listen on', '127.0.0.1')
    .option('--empty', 'do not put a sample shop into an empty log')
    .action(start);
}

async function start(options: StartOptions): Promise<void> {
  limitHeapGrowth(HEAP_GROWTH);
  const stop = stopSignal();
  const config = configOf(options);
  await requireFreePort(options);
  const shop = await openShop(config, { tell: console.log, signal: stop });
  const opened = await Promise.race([shop.get('app'), aborted(stop)]).catch((error: unknown) => error);
  if (stop.aborted) return endBeforeReady();
  try {
    if (opened instanceof Error) throw opened;
    const { stores } = await shop.get('readModels');
    const opening = openStores(stores, console.log, stop);
    await Promise.race([opening, aborted(stop)]);
    stop.throwIfAborted();
    await serve(shop, options, stop);
  } catch (error) {
    if (!stop.aborted) throw error; // asked to stop before everything was ready
  } finally {
    await shop.close();
  }
  console.log('Stopped.');
}

/** Opening may be waiting for engines or creating a database. It is ended at once; the next start repeats it. */
async function endBeforeReady(): Promise<never> {
  await endAll();
  console.log('Stopped.');
  process.exit();
}

async function serve(shop: Shop, options: StartOptions, stop: AbortSignal): Promise<void> {
  const firstLook = await shop.get('firstLook');
  firstLook.begin();
  const server = await startServer(await shop.get('app'), { ...options, trustedProxies: shop.config.trustedProxies });
  const background = new AbortController();
  const running = runBackground(shop, background.signal);
  running.catch(() => {}); // awaited below; until then a failure must not be unhandled
  try {
    const filled = await fillAndShow(shop, options.empty === true, stop);
    stop.throwIfAborted();
    console.log(welcome({ ...shop.config, url: server.url, filled, seconds: process.uptime().toFixed(1) }));
    await Promise.race([aborted(stop), running]);
    console.log('Stopping; waiting for running requests to finish.');
  } finally {
    await server.close();
    background.abort();
    await running;
  }
}

/** Fills the shop and waits until the read models show it, or the time is over. Returns true if the sample shop was created. */
async function fillAndShow(shop: Shop, empty: boolean, stop: AbortSignal): Promise<boolean> {
  const [runner, store, firstLook] = await Promise.all([
    shop.get('runner'),
    shop.get('eventStore'),
    shop.get('firstLook'),
  ]);
  const written = empty ? undefined : await fillEmptyShop({ runner, store }, stop);
  const readModels = await shop.get('readModels');
  const seen = firstLook.follow({ readModels, store, written: written ?? new Map() }, stop);
  await Promise.race([aborted(stop), seen, delay(SHOW_MS, undefined, { ref: false })]);
  return written !== undefined;
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    signal.addEventListener('abort', () => resolve());
  });
}

interface Welcome {
  url: string;
  profile: string;
  eventStore: string;
  dataDir: string;
  filled: boolean;
  seconds: string;
}

function welcome({ url, profile, eventStore, dataDir, filled, seconds }: Welcome): string {
  return `
commerce-core runs on the profile ${profile} with the event store ${eventStore}, ready after ${seconds} s.

  API        ${url}/v1
  Docs       ${url}/docs    (OpenAPI: ${url}/openapi.json)
  Health     ${url}/readyz  (metrics, with a token of role ops: ${url}/metrics)
  Data       ${dataDir}${filled ? '    (a small sample shop was put there; --empty leaves it out)' : ''}

Try:

  curl '${url}/v1/products?limit=3'
  curl '${url}/v1/search?q=mug&inStock=true'
  curl -X POST ${url}/v1/sessions -H 'Content-Type: application/json' -d '{}'

Ctrl-C stops it.
`;
}
