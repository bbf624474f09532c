import { expect } from 'chai';
import { START } from '../../domain/kernel/commit.js';
import { Deposed } from '../../domain/kernel/errors.js';
import { eventStoreContract } from '../../test/contracts/event-store.contract.js';
import { noteCommit, notes } from '../../test/contracts/notes.js';
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

describe('Memory as an event store', () => {
  it('refuses a commit that carries the fence of a term that is over', async () => {
    const log = createMemoryLog();
    const store = createMemoryEventStore({ codec: createCommitCodec(notes), log });
    const commit = { ...noteCommit(START, 'c1', { text: 'one' }), fence: { lease: 'agenda', token: 1 } };
    log.tokens.set('agenda', 2);
    const late = await store.append('note#1', START, commit).catch((error: unknown) => error);
    expect(late).to.be.instanceOf(Deposed);
    log.tokens.set('agenda', 1);
    expect(await store.append('note#1', START, commit)).to.have.property('appended', true);
  });
});
