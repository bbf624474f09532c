import { expect } from 'chai';
import { eventTypes } from '../../domain/events.js';
import { hlcOf } from '../../domain/kernel/clock.js';
import { type Commit, type Position, START } from '../../domain/kernel/commit.js';
import type { EventStore } from '../../domain/kernel/event-store.js';
import { streamId } from '../../domain/kernel/stream.js';
import { createCommitCodec } from './codec.js';
import { createMemoryEventStore, createMemoryLog } from './memory.js';
import { rememberOwnCommits } from './own-commits.js';

describe('A stream that this process has written', () => {
  const stream = streamId('order', '7');
  let inner: EventStore;
  let own: ReturnType<typeof rememberOwnCommits>;
  beforeEach(() => {
    inner = createMemoryEventStore({ codec: createCommitCodec(eventTypes), log: createMemoryLog() });
    own = rememberOwnCommits(inner);
  });

  async function hold(store: EventStore, after: Position, note = 'address'): Promise<Position> {
    const version = after.version + 1;
    const event = {
      id: `hold-${version}:0`,
      type: 'OrderHeld',
      schemaVersion: 2,
      version,
      commandId: `hold-${version}`,
      correlationId: 'request',
      causationId: `hold-${version}`,
      occurredAt: '2026-01-01T00:00:00.000Z',
      actor: { type: 'staff' as const, id: 'support' },
      data: { orderId: 'order_7', code: 'other', note },
    };
    const at = Math.max(hlcOf(Date.now()), after.at + 1);
    const result = await store.append(stream, after, { at, commandIds: [event.commandId], events: [event] });
    if (!result.appended) throw new Error('somebody was there before');
    return result.position;
  }

  async function read(): Promise<Commit[]> {
    const commits: Commit[] = [];
    for await (const commit of inner.read(stream)) commits.push(commit);
    return commits;
  }

  it('equals what the store would return', async () => {
    await hold(own.store, await hold(own.store, START));
    expect(own.ownCommits.upTo(stream, 2)).to.deep.equal(await read());
  });

  it('is returned up to the requested commit, or not at all', async () => {
    await hold(own.store, START);
    expect(own.ownCommits.upTo(stream, 2)).to.equal(undefined);
    expect(own.ownCommits.upTo(streamId('order', '8'), 1)).to.equal(undefined);
  });

  it('is forgotten once another process has written in between', async () => {
    const theirs = await hold(inner, await hold(own.store, START));
    await hold(own.store, theirs);
    expect(own.ownCommits.upTo(stream, 3)).to.equal(undefined);
  });

  it('is forgotten when an append conflicts', async () => {
    const first = await hold(own.store, START);
    await hold(inner, first, 'fraud');
    const failure = await hold(own.store, first).catch((error: Error) => error.message);
    expect(failure).to.equal('somebody was there before');
    expect(own.ownCommits.upTo(stream, 1)).to.equal(undefined);
  });
});
