// A store of documents that is opened when it is first used, because it may be away when the process starts.
import { Unavailable } from '../../domain/kernel/errors.js';
import type { DocumentStore } from '../../projections/runtime/sink.js';
import { reasonOf, untilDone } from '../retry.js';

export interface LaterStore extends DocumentStore {
  /** Opens it unless it is open. Every other call does this first. Rejects with `Unavailable`, whose cause says why. */
  open(): Promise<void>;
  /** True if the last attempt to open it has failed. */
  isAway(): boolean;
}

/** `open` is called until it has succeeded once, one call at a time. */
export function openedLater(engine: string, open: () => Promise<DocumentStore>): LaterStore {
  let isAway = false;
  const listeners: (() => void)[] = [];
  const opened = untilDone(async () => {
    try {
      const store = await open();
      for (const listener of listeners) store.onDoubt?.(listener);
      isAway = false;
      return store;
    } catch (error) {
      isAway = true;
      if (error instanceof Unavailable && error.engine === engine) throw error;
      throw Object.assign(new Unavailable(engine, reasonOf(error)), { cause: error });
    }
  });

  return {
    open: async () => void (await opened()),
    isAway: () => isAway,
    load: async (...of) => (await opened()).load(...of),
    save: async (...of) => (await opened()).save(...of),
    held: async () => (await opened()).held(),
    sweepState: async () => (await opened()).sweepState(),
    setSweepState: async (state) => (await opened()).setSweepState(state),
    builds: async () => (await opened()).builds(),
    setBuilds: async (...of) => (await opened()).setBuilds(...of),
    create: async (projection) => (await opened()).create(projection),
    drop: async (table) => (await opened()).drop(table),
    count: async (table) => (await opened()).count(table),
    bulk: {
      create: async (projection) => (await opened()).bulk.create(projection),
      insert: async (...of) => (await opened()).bulk.insert(...of),
      complete: async (projection) => (await opened()).bulk.complete(projection),
    },
    lineage: async () => (await opened()).lineage(),
    /** Called once or twice when a process starts, before the store is used. */
    onDoubt: (listener) => void listeners.push(listener),
    async *keys(table) {
      yield* (await opened()).keys(table);
    },
    refresh: async (table) => (await opened()).refresh?.(table),
  };
}
