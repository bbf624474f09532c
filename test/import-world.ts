// The import on an event store in memory: processes that can be killed, and the shop as they leave it.
import { type Books, readBooks } from '../commands/import/online-retail/books.js';
import { importInvoices } from '../commands/import/online-retail/run.js';
import { createCheckoutProcess } from '../commands/processes/checkout-process.js';
import { createCommandRunner } from '../commands/runtime/command-runner.js';
import { catalogue, type ShopEvent } from '../domain/events.js';
import type { RecordedEvent } from '../domain/kernel/event.js';
import { categoryOf, type StreamId } from '../domain/kernel/stream.js';
import { createCommitCodec } from '../infra/event-store/codec.js';
import { createMemoryEventStore, createMemoryLog } from '../infra/event-store/memory.js';

export class Killed extends Error {}

export interface ImportWorld {
  /** Imports in a process of its own, which dies at its n-th append: the commit is stored, or not. Resolves to the commits it made. */
  run(file: string, options?: { limit?: number; dieAt?: number; stored?: boolean }): Promise<number>;
  advance(ms: number): void;
  events(category: string): Promise<{ stream: StreamId; event: RecordedEvent<ShopEvent> }[]>;
}

export function createImportWorld(): ImportWorld {
  let now = 1_700_000_000_000;
  const clock = () => now;
  const log = createMemoryLog();
  const codec = createCommitCodec(catalogue);
  const reader = createMemoryEventStore({ codec, log, clock });

  async function run(
    file: string,
    {
      limit,
      dieAt = Number.POSITIVE_INFINITY,
      stored = false,
    }: { limit?: number; dieAt?: number; stored?: boolean } = {},
  ): Promise<number> {
    const before = log.arrivals.length;
    let appends = 0;
    const store = createMemoryEventStore({
      codec,
      log,
      clock,
      beforeAppend() {
        if (++appends > dieAt || (appends === dieAt && !stored)) throw new Killed();
      },
      afterAppend() {
        if (appends >= dieAt) throw new Killed();
      },
    });
    const runner = createCommandRunner({ store, catalogue, personal: unsealed, clock });
    const checkout = createCheckoutProcess({ runner, clock, providers: {} });
    const books: Books = await readBooks(file, limit);
    try {
      await importInvoices({ runner, store, checkout, clock }, file, books, new AbortController().signal);
    } catch (error) {
      if (!(error instanceof Killed)) throw error;
    }
    return log.arrivals.length - before;
  }

  return {
    run,
    advance(ms) {
      now += ms;
    },
    async events(category) {
      const found = [];
      for (const stream of log.streams.keys()) {
        if (categoryOf(stream) !== category) continue;
        for await (const commit of reader.read(stream)) {
          for (const event of commit.events as RecordedEvent<ShopEvent>[]) found.push({ stream, event });
        }
      }
      return found;
    },
  };
}

const unsealed = {
  seal: async <E>(event: E) => event,
  open: async <T>(value: T) => value as never,
  forget: async () => {},
};
