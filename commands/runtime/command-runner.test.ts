// The command path on an event store in memory: groups, conflicts, repeats, faults.
import { expect } from 'chai';
import fc from 'fast-check';
import { z } from 'zod';
import type { CommandMeta } from '../../domain/kernel/command.js';
import type { Decider } from '../../domain/kernel/decider.js';
import { isProblem, orThrow, Unavailable } from '../../domain/kernel/errors.js';
import { type EventOf, eventTypesOf } from '../../domain/kernel/event.js';
import type { EventStore, Snapshot, SnapshotStore } from '../../domain/kernel/event-store.js';
import { defined } from '../../domain/kernel/json.js';
import { MAX_CONFLICT_RETRIES, REMEMBERED_MS, RETRY_HORIZON_MS } from '../../domain/kernel/limits.js';
import type { PersonalData } from '../../domain/kernel/personal.js';
import { isRejection, type Rejection, reject } from '../../domain/kernel/rejection.js';
import { streamId } from '../../domain/kernel/stream.js';
import { createKeyedHash } from '../../infra/crypto/master-key.js';
import { createAuthenticSnapshots, type KeptText } from '../../infra/event-store/authentic-snapshots.js';
import { createCommitCodec } from '../../infra/event-store/codec.js';
import {
  createMemoryEventStore,
  createMemoryLog,
  type MemoryEventStoreOptions,
} from '../../infra/event-store/memory.js';
import { the } from '../../test/the.js';
import { type CommandRunner, createCommandRunner } from './command-runner.js';

const purseEvents = {
  Filled: { version: 1, data: z.strictObject({ amount: z.int().min(1), note: z.string().optional() }) },
  Spent: { version: 1, data: z.strictObject({ amount: z.int().min(1) }) },
};
type PurseEvent = EventOf<typeof purseEvents>;
type PurseCommand = { type: 'Fill' | 'Spend'; amount: number; note?: string };

/** The balance is never below zero. Filling with zero changes nothing. */
const purse: Decider<PurseCommand, { left: number }, PurseEvent> = {
  category: 'purse',
  events: purseEvents,
  initialState: { left: 0 },
  decide({ type, amount, note }, { left }) {
    if (type === 'Fill') return amount === 0 ? [] : [{ type: 'Filled', data: { amount, ...defined({ note }) } }];
    return amount > left ? reject('rule_violated', `only ${left} left`) : [{ type: 'Spent', data: { amount } }];
  },
  evolve: ({ left }, { type, data }) => ({ left: type === 'Filled' ? left + data.amount : left - data.amount }),
  snapshot: { foldVersion: 1, every: 10 },
};

const eventTypes = eventTypesOf(purseEvents);
const unsealed: PersonalData = {
  seal: async (event) => event,
  open: async (value) => value as never,
  sealFor: async (_subject, _place, value) => value,
  forget: async () => {},
};
const stream = streamId('purse', 'a');

interface World {
  runner: CommandRunner;
  store: EventStore;
  /** Number of appends that reached the store. */
  appends(): number;
  reads(): number;
  /** The pauses after conflicts, in ms. */
  pauses: readonly number[];
  /** Another process on the same log. */
  another(options?: Partial<MemoryEventStoreOptions>): World;
  advance(ms: number): void;
}

function world(options: Partial<MemoryEventStoreOptions> = {}, snapshots?: SnapshotStore): World {
  let now = 1_700_000_000_000;
  const log = createMemoryLog();
  const join = (more: Partial<MemoryEventStoreOptions>): World => {
    const codec = createCommitCodec(eventTypes);
    const inner = createMemoryEventStore({ codec, log, clock: () => now, ...more });
    let appends = 0;
    let reads = 0;
    const pauses: number[] = [];
    const store: EventStore = {
      ...inner,
      append(...args) {
        appends++;
        return inner.append(...args);
      },
      read(...args) {
        reads++;
        return inner.read(...args);
      },
    };
    return {
      runner: createCommandRunner({
        store,
        eventTypes,
        personal: unsealed,
        clock: () => now,
        pause: async (ms) => void pauses.push(ms),
        random: () => 0.5,
        ...defined({ snapshots }),
      }),
      store,
      pauses,
      appends: () => appends,
      reads: () => reads,
      another: (other = {}) => join(other),
      advance(ms) {
        now += ms;
      },
    };
  };
  return join(options);
}

let made = 0;
function meta(more: Partial<CommandMeta> = {}): CommandMeta {
  const actor = { type: 'staff', id: 's' } as const;
  return { id: `command-${++made}`, issuedAt: 1_700_000_000_000, correlationId: 'request', actor, ...more };
}

const fill = (amount: number): PurseCommand => ({ type: 'Fill', amount });
const spend = (amount: number): PurseCommand => ({ type: 'Spend', amount });

async function codeOf(promise: Promise<unknown>): Promise<string> {
  return promise.then(
    (result) => (isRejection(result as object) ? (result as Rejection).rejected : 'no error'),
    (error) => (isProblem(error) ? error.code : String(error)),
  );
}

describe('The command runner', () => {
  it('writes one commit for concurrent commands on one stream, and answers each separately', async () => {
    const { runner, appends } = world();
    const outcomes = await Promise.allSettled([
      runner.execute(purse, stream, fill(5), meta()).then(orThrow),
      runner.execute(purse, stream, spend(3), meta()).then(orThrow),
      runner.execute(purse, stream, spend(3), meta()).then(orThrow),
      runner.execute(purse, stream, spend(2), meta()).then(orThrow),
    ]);
    expect(outcomes.map(({ status }) => status)).to.deep.equal(['fulfilled', 'fulfilled', 'rejected', 'fulfilled']);
    expect(appends()).to.equal(1);
    expect((await runner.load(purse, stream)).state).to.deep.equal({ left: 0 });
  });

  it('executes a command once even if it is repeated, at once or later, here or in another process', async () => {
    const { runner, another } = world();
    const once = meta();
    await Promise.all([
      runner.execute(purse, stream, fill(5), once).then(orThrow),
      runner.execute(purse, stream, fill(5), once).then(orThrow),
    ]);
    expect(orThrow(await runner.execute(purse, stream, fill(5), once))).to.include({ repeated: true });
    expect(orThrow(await another().runner.execute(purse, stream, fill(5), once))).to.include({ repeated: true });
    expect((await runner.load(purse, stream)).state.left).to.equal(5);
  });

  it('needs one round trip for a stream known to be new, and one for each further command', async () => {
    const { runner, appends, reads } = world();
    orThrow(await runner.execute(purse, stream, fill(5), meta({ newStream: true })));
    orThrow(await runner.execute(purse, stream, spend(1), meta()));
    expect([appends(), reads()]).to.deep.equal([2, 0]);
  });

  it('finds out when a stream that was taken for new is not', async () => {
    const { runner, another } = world();
    orThrow(await runner.execute(purse, stream, fill(5), meta()));
    const { state } = orThrow(await another().runner.execute(purse, stream, fill(2), meta({ newStream: true })));
    expect(state.left).to.equal(7);
  });

  it('never rejects, and never reports a repeat, from a cached state that another process has changed', async () => {
    const here = world();
    const there = here.another();
    orThrow(await here.runner.execute(purse, stream, fill(1), meta()));
    orThrow(await there.runner.execute(purse, stream, fill(9), meta()));
    expect(orThrow(await here.runner.execute(purse, stream, spend(10), meta())).state.left).to.equal(0);
    orThrow(await there.runner.execute(purse, stream, fill(4), meta()));
    expect(orThrow(await here.runner.execute(purse, stream, fill(0), meta())).state.left).to.equal(4);
    orThrow(await there.runner.execute(purse, stream, fill(1), meta()));
    expect((await here.runner.load(purse, stream)).state.left).to.equal(5);
  });

  it('reads again only if the cached state is older than the caller allows, and knows its own changes', async () => {
    const { runner, reads, another, advance } = world();
    const left = async (options?: { maxAgeMs: number }) => (await runner.load(purse, stream, options)).state.left;
    orThrow(await runner.execute(purse, stream, fill(1), meta({ newStream: true })));
    orThrow(await another().runner.execute(purse, stream, fill(2), meta()));
    advance(1_000);
    expect([await left({ maxAgeMs: 1_000 }), reads()]).to.deep.equal([1, 0]);
    expect([await left({ maxAgeMs: 999 }), reads()]).to.deep.equal([3, 1]);
    orThrow(await runner.execute(purse, stream, fill(4), meta()));
    expect([await left({ maxAgeMs: 0 }), reads()]).to.deep.equal([7, 1]);
    expect([await left(), reads()]).to.deep.equal([7, 2]);
    advance(1_000_000);
    expect([await left({ maxAgeMs: Number.POSITIVE_INFINITY }), reads()]).to.deep.equal([7, 2]);
  });

  it('rejects a command for another version than that of the stream', async () => {
    const { runner } = world();
    const { position } = orThrow(await runner.execute(purse, stream, fill(5), meta({ expectedVersion: 0 })));
    const refusal = await runner
      .execute(purse, stream, spend(1), meta({ expectedVersion: 0 }))
      .then(orThrow)
      .catch((thrown) => thrown);
    expect(refusal).to.include({
      code: 'version_mismatch',
      message: 'The resource is at version 1, not 0; read it again.',
    });
    expect(refusal.facts).to.deep.equal({ version: 1 });
    orThrow(await runner.execute(purse, stream, spend(1), meta({ expectedVersion: position.version })));
  });

  it('accepts a command for one of several versions, or for any existing version', async () => {
    const { runner } = world();
    const refused = (expectedVersion: 'any' | number[], because: string) =>
      runner
        .execute(purse, stream, fill(1), meta({ expectedVersion }))
        .then(orThrow)
        .then(
          () => expect.fail('it was taken'),
          (thrown) => expect(thrown).to.include({ code: 'version_mismatch', message: because }),
        );
    await refused('any', 'The resource does not exist yet.');
    orThrow(await runner.execute(purse, stream, fill(5), meta({ expectedVersion: [7, 0] })));
    await refused([], 'The resource is at version 1, not at an expected one; read it again.');
    await refused([0, 2], 'The resource is at version 1, not at an expected one; read it again.');
    orThrow(await runner.execute(purse, stream, fill(1), meta({ expectedVersion: [0, 1] })));
    orThrow(await runner.execute(purse, stream, fill(1), meta({ expectedVersion: 'any' })));
  });

  it('rejects a command older than the retry horizon, unless a process asks to search the history', async () => {
    const { runner, advance, another } = world();
    const once = meta();
    orThrow(await runner.execute(purse, stream, fill(5), once));
    advance(RETRY_HORIZON_MS + 1);
    const late = another().runner;
    expect(await codeOf(late.execute(purse, stream, fill(5), once))).to.equal('command_expired');
    expect(await late.execute(purse, stream, fill(5), { ...once, late: 'search' })).to.deep.include({
      repeated: true,
      state: { left: 5 },
    });
    const never = meta({ late: 'search' });
    expect(orThrow(await late.execute(purse, stream, fill(2), never)).state.left).to.equal(7);
  });

  it('looks a command up in the log only if it was issued longer ago than memory reaches', async () => {
    const { runner, advance, reads } = world();
    const once = meta();
    orThrow(await runner.execute(purse, stream, fill(5), once));
    advance(REMEMBERED_MS / 2);
    const before = reads();
    expect(orThrow(await runner.execute(purse, stream, fill(5), once))).to.include({ repeated: true });
    expect(reads()).to.equal(before);
    advance(REMEMBERED_MS);
    orThrow(await runner.execute(purse, stream, fill(1), meta({ issuedAt: 1_700_000_000_000 + 1.5 * REMEMBERED_MS })));
    expect(reads()).to.equal(before);
    expect(orThrow(await runner.execute(purse, stream, fill(5), once))).to.deep.include({
      repeated: true,
      state: { left: 6 },
    });
    expect(reads()).to.be.greaterThan(before);
  });

  it('searches a long history, and no further back than the command was issued', async () => {
    const { runner, advance, store } = world();
    const commits = 3_000;
    const issued: CommandMeta[] = [];
    for (let n = 0; n < commits; n++) {
      advance(1_000);
      issued.push(meta({ issuedAt: 1_700_000_000_000 + 1_000 * (n + 1), late: 'search' }));
      orThrow(await runner.execute(purse, stream, fill(1), the(issued.at(-1))));
    }
    let looked = 0;
    const counting: EventStore = {
      ...store,
      async *read(...args) {
        for await (const commit of store.read(...args)) {
          looked++;
          yield commit;
        }
      },
    };
    const later = () => 1_700_000_000_000 + 1_000 * commits + 2 * REMEMBERED_MS;
    const late = createCommandRunner({ store: counting, eventTypes, personal: unsealed, clock: later });
    await late.load(purse, stream);
    const lookedFor = async (command: CommandMeta) => {
      looked = 0;
      const { repeated } = orThrow(await late.execute(purse, stream, fill(1), command));
      return { repeated, looked };
    };
    for (const back of [1, 100, 255, 256, 257, 1_000, 2_999, 3_000]) {
      const found = await lookedFor(the(issued[commits - back]));
      expect(found.repeated, `${back} commits ago`).to.equal(true);
      expect(found.looked).to.be.at.most(4 * back + 600);
    }
    const never = meta({ issuedAt: 1_700_000_000_000 + 1_000 * (commits - 100), late: 'search' });
    expect(await lookedFor(never)).to.deep.include({ repeated: false });
    const asked = [2_500, 10, 1_500].map((back) =>
      late.execute(purse, stream, fill(1), the(issued[commits - back])).then(orThrow),
    );
    expect((await Promise.all(asked)).map(({ repeated }) => repeated)).to.deep.equal([true, true, true]);
  });

  it('recognises a repeat that waited for its turn longer than memory reaches', async () => {
    let hold: Promise<void> | undefined;
    const { runner, advance } = world({ beforeAppend: async () => hold });
    const once = meta();
    orThrow(await runner.execute(purse, stream, fill(5), once));
    advance(REMEMBERED_MS / 2);
    let release = () => {};
    hold = new Promise((resolve) => {
      release = resolve;
    });
    const first = runner.execute(purse, stream, fill(1), meta()).then(orThrow);
    await yieldTo(10);
    const repeat = runner.execute(purse, stream, fill(5), once).then(orThrow);
    advance(REMEMBERED_MS);
    release();
    await first;
    expect(await repeat).to.deep.include({ repeated: true, state: { left: 6 } });
  });

  it('keeps the order of commands that were issued together, even if each has to be looked up', async () => {
    const { store, advance } = world();
    advance(2 * REMEMBERED_MS);
    let reads = 0;
    const runner = createCommandRunner({
      store: {
        ...store,
        async *read(...args) {
          for (let turns = 9 - 3 * reads++; turns > 0; turns--) await new Promise(setImmediate);
          yield* store.read(...args);
        },
      },
      eventTypes,
      personal: unsealed,
      clock: () => 1_700_000_000_000 + 2 * REMEMBERED_MS,
    });
    const commands = [fill(5), spend(3), spend(2)].map((command) =>
      runner.execute(purse, stream, command, meta()).then(orThrow),
    );
    expect(the((await Promise.all(commands)).at(-1)).state.left).to.equal(0);
  });

  it('answers each command of a group with the state at the position in its answer', async () => {
    const { runner } = world();
    const [first, last] = await Promise.all([
      runner.execute(purse, stream, fill(5), meta()).then(orThrow),
      runner.execute(purse, stream, spend(3), meta()).then(orThrow),
    ]);
    expect(first.position).to.deep.equal(last.position);
    expect(first.state).to.deep.equal(last.state);
  });

  it('gives up with a conflict when other writers keep winning', async () => {
    const here = world({
      beforeAppend: async () => void orThrow(await there.runner.execute(purse, stream, fill(1), meta())),
    });
    const there = here.another();
    expect(await codeOf(here.runner.execute(purse, stream, fill(1), meta()).then(orThrow))).to.equal('conflict');
    expect(here.appends()).to.equal(MAX_CONFLICT_RETRIES + 1);
  });

  it('decides again at once after one conflict, and after further ones when a growing, random time is over', async () => {
    let rivals = 4;
    const here = world({
      beforeAppend: async () => {
        if (rivals-- > 0) orThrow(await there.runner.execute(purse, stream, fill(1), meta()));
      },
    });
    const there = here.another();
    await here.runner.execute(purse, stream, fill(1), meta()).then(orThrow);
    expect(here.pauses).to.deep.equal([5, 10, 20]);
    expect(there.pauses).to.deep.equal([]);
  });

  it('keeps a command that cannot be stored from failing the others in its group', async () => {
    const { runner } = world();
    const huge: PurseCommand = { type: 'Fill', amount: 1, note: 'x'.repeat(300_000) };
    const outcomes = [fill(1), huge, fill(2)].map((command) =>
      codeOf(runner.execute(purse, stream, command, meta()).then(orThrow)),
    );
    expect(await Promise.all(outcomes)).to.deep.equal(['no error', 'too_large', 'no error']);
    expect((await runner.load(purse, stream)).state.left).to.equal(3);
  });

  it('drops its cached state when the outcome of an append is unknown, so that a repeat is safe', async () => {
    let away = true;
    const crash = () => {
      if (away) throw new Unavailable('Memory', 'gone');
    };
    const { runner } = world({ afterAppend: crash });
    const once = meta();
    expect(await codeOf(runner.execute(purse, stream, fill(5), once).then(orThrow))).to.equal('unavailable');
    away = false;
    expect(orThrow(await runner.execute(purse, stream, fill(5), once))).to.deep.include({
      repeated: true,
      state: { left: 5 },
    });
  });

  it('records actor, cause and time with each event', async () => {
    const { runner, store } = world();
    const cause = { eventId: 'other:0', at: 1_700_000_000_000_500 };
    orThrow(
      await runner.execute(purse, stream, fill(5), meta({ id: 'c', cause, occurredAt: '2010-12-01T08:26:00.000Z' })),
    );
    const [commit] = await collect(store.read(stream));
    expect(the(commit).position.at).to.be.greaterThan(cause.at);
    expect(the(commit).commandIds).to.deep.equal(['c']);
    expect(the(commit).events).to.deep.equal([
      {
        id: 'c:0',
        type: 'Filled',
        schemaVersion: 1,
        version: 1,
        occurredAt: '2010-12-01T08:26:00.000Z',
        commandId: 'c',
        correlationId: 'request',
        causationId: 'other:0',
        actor: { type: 'staff', id: 's' },
        data: { amount: 5 },
      },
    ]);
  });

  describe('with snapshots', () => {
    function memorySnapshots(size = 100): SnapshotStore & { kept: Map<string, Snapshot>; saved: number[] } {
      const kept = new Map<string, Snapshot>();
      const saved: number[] = [];
      return {
        kept,
        saved,
        async load(id, foldVersion) {
          const snapshot = kept.get(`${id} ${foldVersion}`);
          return snapshot && { ...snapshot, size };
        },
        async save(id, foldVersion, snapshot) {
          kept.set(`${id} ${foldVersion}`, JSON.parse(JSON.stringify(snapshot)));
          saved.push(snapshot.position.commitNo);
          return size;
        },
      };
    }

    it('takes one of a large state less often, also after a start', async () => {
      const snapshots = memorySnapshots(35 * 1024);
      const { runner, another } = world({}, snapshots);
      for (let n = 0; n < 60; n++) orThrow(await runner.execute(purse, stream, fill(1), meta()));
      expect(snapshots.saved).to.deep.equal([10, 45]);
      const later = another().runner;
      for (let n = 0; n < 60; n++) orThrow(await later.execute(purse, stream, fill(1), meta()));
      expect(snapshots.saved).to.deep.equal([10, 45, 80, 115]);
    });

    it('starts from the last one, and still knows the commands before it', async () => {
      const snapshots = memorySnapshots();
      const { runner, another } = world({}, snapshots);
      const first = meta();
      orThrow(await runner.execute(purse, stream, fill(1), first));
      for (let n = 0; n < 24; n++) orThrow(await runner.execute(purse, stream, fill(1), meta()));
      expect(the([...snapshots.kept.values()][0]).position.commitNo).to.equal(20);
      const fresh = another();
      expect(orThrow(await fresh.runner.execute(purse, stream, fill(1), first))).to.deep.include({
        repeated: true,
        state: { left: 25 },
      });
    });

    it('ignores one of another stream, and one of another fold', async () => {
      const snapshots = memorySnapshots();
      const { runner, another } = world({}, snapshots);
      for (let n = 0; n < 12; n++) orThrow(await runner.execute(purse, stream, fill(1), meta()));
      const [key, snapshot] = the([...snapshots.kept][0]);
      snapshots.kept.set(key, {
        position: { ...snapshot.position, hash: 'f'.repeat(64) },
        state: { state: { left: 999 }, recent: [] },
      });
      expect((await another().runner.load(purse, stream)).state.left).to.equal(12);
      snapshots.kept.set(key, {
        position: { ...snapshot.position, commitNo: 99 },
        state: { state: { left: 999 }, recent: [] },
      });
      expect((await another().runner.load(purse, stream)).state.left).to.equal(12);
    });
  });

  it('never uses a snapshot that was changed in its store, whatever was changed', async () => {
    const change = fc.record({
      at: fc.nat(),
      cut: fc.nat(40),
      put: fc.oneof(fc.string({ maxLength: 8 }), fc.constantFrom('9', '"', '{}', 'null', '[]', '-')),
      commitNo: fc.option(fc.integer({ min: 0, max: 99 }), { nil: undefined, freq: 1 }),
      from: fc.constantFrom('purse#a 1', 'purse#b 1', 'purse#a 2'),
    });
    await fc.assert(
      fc.asyncProperty(change, async ({ at, cut, put, commitNo, from }) => {
        const kept = new Map<string, KeptText>();
        let dropped = 0;
        const snapshots = createAuthenticSnapshots({
          texts: {
            load: async (id, foldVersion) => kept.get(`${id} ${foldVersion}`),
            save: async (id, foldVersion, text) => void kept.set(`${id} ${foldVersion}`, text),
            drop: async (id, foldVersion) => void kept.delete(`${id} ${foldVersion}`),
          },
          keyedHash: createKeyedHash(Buffer.alloc(32, 7)),
          onDropped: () => void dropped++,
        });
        const { runner, another } = world({}, snapshots);
        for (let n = 0; n < 12; n++) orThrow(await runner.execute(purse, stream, fill(1), meta()));
        for (let n = 0; n < 10; n++) orThrow(await runner.execute(purse, 'purse#b', fill(900), meta()));
        const ofOtherFold = { ...purse, snapshot: { foldVersion: 2, every: 10 } };
        const far = another();
        for (let n = 0; n < 10; n++) orThrow(await far.runner.execute(ofOtherFold, stream, fill(1), meta()));

        const found = the(kept.get(from));
        const place = at % (found.text.length + 1);
        const text = found.text.slice(0, place) + put + found.text.slice(place + cut);
        kept.set('purse#a 1', { commitNo: commitNo ?? found.commitNo, text });
        const isTrue = from === 'purse#a 1' && text === found.text && (commitNo ?? found.commitNo) === found.commitNo;
        const fresh = another();
        expect((await fresh.runner.load(purse, stream)).state.left).to.equal(22);
        expect(dropped).to.equal(isTrue ? 0 : 1);
        expect(orThrow(await another().runner.execute(purse, stream, fill(1), meta())).state.left).to.equal(23);
        expect(dropped, 'told once').to.equal(isTrue ? 0 : 1);
      }),
      { numRuns: 200 },
    );
  });

  it('keeps every guarantee when several processes race, lose replies and crash', async () => {
    const orders = fc.array(
      fc.record({ id: fc.nat(15), process: fc.nat(2), amount: fc.integer({ min: -4, max: 5 }), pause: fc.boolean() }),
      { maxLength: 40 },
    );
    await fc.assert(
      fc.asyncProperty(orders, fc.infiniteStream(fc.nat(9)), async (commands, chance) => {
        const fate = () => chance.next().value as number;
        const faults: Partial<MemoryEventStoreOptions> = {
          beforeAppend: async () => void (fate() === 0 ? crash() : await yieldTo(fate())),
          afterAppend: () => void (fate() === 0 && crash()),
          loseReply: () => fate() === 0,
        };
        const first = world(faults);
        const processes = [first, first.another(faults), first.another(faults)];
        const acknowledged = new Map<string, number>();
        const amounts = new Map<number, number>();
        const running: Promise<void>[] = [];
        for (const { id, process, amount, pause } of commands) {
          const steady = amounts.get(id) ?? amount; // a repeat has the same amount
          amounts.set(id, steady);
          const command = steady >= 0 ? fill(steady) : spend(-steady);
          running.push(
            the(processes[process])
              .runner.execute(purse, stream, command, meta({ id: `c${id}` }))
              .then(orThrow)
              .then(
                () => void acknowledged.set(`c${id}`, steady),
                (error) => void expect(isProblem(error), String(error)).to.equal(true),
              ),
          );
          if (pause) await yieldTo(2);
        }
        await Promise.all(running);

        const commits = await collect(first.store.read(stream));
        const executed = commits.flatMap(({ commandIds }) => commandIds);
        expect(new Set(executed).size, 'no command twice').to.equal(executed.length);
        let left = 0;
        for (const { events } of commits) {
          for (const event of events) left = purse.evolve({ left }, event as never, 0).left;
          expect(left, 'never below zero').to.be.at.least(0);
        }
        for (const [id, amount] of acknowledged)
          if (amount !== 0) expect(executed, 'nothing acknowledged is lost').to.include(id);
      }),
      { numRuns: 300 },
    );
  });
});

async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const collected: T[] = [];
  for await (const item of items) collected.push(item);
  return collected;
}

function crash(): never {
  throw new Unavailable('Memory', 'crashed here');
}

async function yieldTo(turns: number): Promise<void> {
  for (let turn = 0; turn < turns; turn++) await Promise.resolve();
}
