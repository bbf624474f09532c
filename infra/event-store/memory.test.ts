import { eventStoreContract } from '../../test/contracts/event-store.contract.js';
import { notes } from '../../test/contracts/notes.js';
import { the } from '../../test/the.js';
import { createCommitCodec } from './codec.js';
import { createMemoryEventStore, createMemoryLog } from './memory.js';

eventStoreContract('Memory', () => {
  const log = createMemoryLog();
  return {
    open: (options) =>
      createMemoryEventStore({ codec: createCommitCodec(notes), log, storeClock: Date.now, ...options }),
    items: async (stream) => log.streams.get(stream) ?? [],
    tamper: {
      update: async (stream) => Object.assign(the(log.streams.get(stream)?.[0]), { ev: '[]' }),
    },
  };
});
