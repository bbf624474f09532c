// The import on an event store in memory: processes that can be killed, and the shop that they leave.
import { type Books, closeBooks, type ReadingOptions, readPages } from '../commands/import/online-retail/books.js';
import type { ImportPorts } from '../commands/import/online-retail/ports.js';
import { askSalesBefore, importInvoices } from '../commands/import/online-retail/run.js';
import { createCommandRunner } from '../commands/runtime/command-runner.js';
import { eventTypes, type ShopEvent } from '../domain/events.js';
import type { RecordedEvent } from '../domain/kernel/event.js';
import { categoryOf, type StreamId } from '../domain/kernel/stream.js';
import { createCommitCodec } from '../infra/event-store/codec.js';
import { createMemoryEventStore, createMemoryLog, type MemoryEventStoreOptions } from '../infra/event-store/memory.js';
import { openProcesses } from './processes.js';

/** The books of a file for an empty shop. */
export async function booksOf(file: string, options?: ReadingOptions): Promise<Books> {
  return closeBooks(await readPages(file, options));
}

class Killed extends Error {}

type FaultHooks = Pick<MemoryEventStoreOptions, 'beforeAppend' | 'afterAppend'>;

export interface Death {
  /** The append at which the process dies, and whether that commit is stored. */
  dieAt?: number;
  stored?: boolean;
}

export interface RunOptions extends Death {
  limit?: number;
}

export interface ImportWorld {
  /** The dependencies of an import in a separate process, and the number of its commits. */
  ports(hooks?: FaultHooks): ImportPorts & { commits(): number };
  /** Works in a separate process, which may die. Resolves to the number of its commits. */
  inProcess(work: (ports: ImportPorts) => Promise<unknown>, death?: Death): Promise<number>;
  /** Imports in a separate process. Resolves to the number of its commits. */
  run(file: string, options?: RunOptions): Promise<number>;
  /** Invoices that differed from the shop in the last run. */
  differing(): readonly string[];
  advance(ms: number): void;
  events(category: string): Promise<{ stream: StreamId; event: RecordedEvent<ShopEvent> }[]>;
}

export function createImportWorld(): ImportWorld {
  let now = 1_700_000_000_000;
  const clock = () => now;
  const log = createMemoryLog();
  const codec = createCommitCodec(eventTypes);
  let differing: readonly string[] = [];
  const reader = createMemoryEventStore({ codec, log, clock });

  function ports(hooks: FaultHooks = {}) {
    const before = log.arrivals.length;
    const store = createMemoryEventStore({ codec, log, clock, ...hooks });
    const runner = createCommandRunner({ store, eventTypes, personal: unsealed, clock });
    const { checkout, settlement } = openProcesses({ runner, store, clock });
    return { store, runner, checkout, settlement, clock, ordersOf, commits: () => log.arrivals.length - before };
  }

  async function ordersOf(customerId: string): Promise<string[]> {
    const placed = await events('order');
    return placed.flatMap(({ event }) =>
      event.type === 'OrderPlaced' && event.data.customerId === customerId ? event.data.orderId : [],
    );
  }

  async function inProcess(
    work: (process: ReturnType<typeof ports>) => Promise<unknown>,
    { dieAt = Number.POSITIVE_INFINITY, stored = false }: Death = {},
  ): Promise<number> {
    let appends = 0;
    const process = ports({
      beforeAppend() {
        if (++appends > dieAt || (appends === dieAt && !stored)) throw new Killed();
      },
      afterAppend() {
        if (appends >= dieAt) throw new Killed();
      },
    });
    await work(process).catch((error) => {
      if (!(error instanceof Killed)) throw error;
    });
    return process.commits();
  }

  function run(file: string, { limit, ...death }: RunOptions = {}) {
    return inProcess(async (process) => {
      const { signal } = new AbortController();
      const pages = await readPages(file, { limit });
      const books = closeBooks(pages, await askSalesBefore(process, pages, signal));
      differing = await importInvoices(process, books, signal);
    }, death);
  }

  async function events(category: string) {
    const found: { stream: StreamId; event: RecordedEvent<ShopEvent> }[] = [];
    for (const stream of log.streams.keys()) {
      if (categoryOf(stream) !== category) continue;
      for await (const commit of reader.read(stream)) {
        for (const event of commit.events as RecordedEvent<ShopEvent>[]) found.push({ stream, event });
      }
    }
    return found;
  }

  return {
    ports,
    inProcess,
    run,
    advance(ms) {
      now += ms;
    },
    events,
    differing: () => differing,
  };
}

const unsealed = {
  seal: async <E>(event: E) => event,
  open: async <T>(value: T) => value as never,
  sealFor: async <T>(_subject: string, _place: string, value: T) => value,
  forget: async () => {},
};
