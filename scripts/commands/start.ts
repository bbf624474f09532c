// `commerce start`: the whole product in one process, until Ctrl-C or SIGTERM.
import { Command, InvalidArgumentError, Option } from 'commander';
import { startServer } from '../../infra/http/server.js';
import { runBackground } from '../../infra/modules/background.js';
import { openShop } from '../../infra/modules/open-shop.js';
import { APP, CLOCK, EVENT_STORE, RUNNER } from '../../infra/modules/tokens.js';
import { type CommonOptions, configOf, withProfile } from '../options.js';
import { fillEmptyShop } from '../sample-shop.js';
import { untilStopped } from '../stopping.js';

const DEFAULT_PORT = 3000;

interface StartOptions extends CommonOptions {
  port: number;
  host: string;
  empty?: boolean;
}

export function startCommand(): Command {
  return withProfile(new Command('start'))
    .description('run the whole product: commands, projectors, read API')
    .addOption(new Option('--port <port>', '0 is any free one').argParser(parsePort).default(DEFAULT_PORT))
    .option('--host <address>', 'address to listen on', '127.0.0.1')
    .option('--empty', 'do not put a sample shop into an empty log')
    .action(start);
}

async function start(options: StartOptions): Promise<void> {
  const began = performance.now();
  const config = configOf(options);
  const stopped = untilStopped();
  const background = new AbortController();
  const shop = await openShop(config, { tell: console.log });
  try {
    const app = await shop.get(APP);
    const server = await startServer(app, options);
    const running = runBackground(shop, background.signal);
    const filled = !options.empty && (await fillEmptyShop(await sampleShopDeps()));
    const seconds = ((performance.now() - began) / 1000).toFixed(1);
    console.log(welcome({ url: server.url, profile: config.profile, dataDir: config.dataDir, filled, seconds }));
    await Promise.race([stopped, running]);
    console.log('Stopping: requests that run may end.');
    await server.close();
    background.abort();
    await running;
  } finally {
    await shop.close();
  }
  console.log('Stopped.');

  async function sampleShopDeps() {
    const [runner, store, clock] = await Promise.all([shop.get(RUNNER), shop.get(EVENT_STORE), shop.get(CLOCK)]);
    return { runner, store, clock };
  }
}

interface Welcome {
  url: string;
  profile: string;
  dataDir: string;
  filled: boolean;
  seconds: string;
}

function welcome({ url, profile, dataDir, filled, seconds }: Welcome): string {
  return `
commerce-core runs on the profile ${profile}, ready after ${seconds} s.

  API        ${url}/v1
  Docs       ${url}/docs    (OpenAPI: ${url}/openapi.json)
  Health     ${url}/readyz  (metrics: ${url}/metrics)
  Data       ${dataDir}${filled ? '    (a small sample shop was put there; --empty leaves it out)' : ''}

Try:

  curl '${url}/v1/products?limit=3'
  curl '${url}/v1/search?q=mug&inStock=true'
  curl -X POST ${url}/v1/sessions -H 'Content-Type: application/json' -d '{}'

Ctrl-C stops it.
`;
}

function parsePort(text: string): number {
  const port = Number(text);
  if (!Number.isInteger(port) || port < 0 || port > 65_535) throw new InvalidArgumentError('It is 0 to 65535.');
  return port;
}
