// The in-memory sink meets the sink's contract, and the law of delivery finds planted faults.
import { expect } from 'chai';
import type { DocumentStore, Sink } from '../projections/runtime/sink.js';
import { deliveryProperty } from './contracts/delivery.property.js';
import { DELIVERY_TIMEOUT_MS, sinkContract } from './contracts/sink.contract.js';
import { everyOr } from './every-case.js';
import { createMemorySink, type MemorySink } from './memory-sink.js';

/** Of the sink's own histories, and of those whose store comes back with less data. */
const [RUNS, SET_BACK_RUNS] = everyOr([2_000, 3_000], [100, 150]) as [number, number];

describe('The in-memory sink', () => {
  const sink = createMemorySink();
  sinkContract(() => sink, { runs: RUNS, shrink: true });
});

describe('The law of delivery', () => {
  it('holds for a store that comes back with less data, or with documents behind their positions', async function () {
    this.timeout(DELIVERY_TIMEOUT_MS);
    await deliveryProperty(createMemorySink, { runs: SET_BACK_RUNS, shrink: true, travel });
  });

  const faults: Record<string, (store: DocumentStore) => DocumentStore> = {
    'compare-and-set is ignored': (store) => ({
      ...store,
      async save(writes, positions, session) {
        const { documents } = await store.load(writes, []);
        const current = new Map(documents.map((found) => [`${found.table} ${found.key}`, found.revision]));
        const forced = writes.map((write) => ({ ...write, revision: current.get(`${write.table} ${write.key}`) }));
        return store.save(forced, positions, session);
      },
    }),
    'a lost race counts as saved': (store) => ({
      ...store,
      async save(writes, positions, session) {
        await store.save(writes, new Map(), session);
        await store.save([], positions, session);
        return writes.map(() => ({ saved: true }));
      },
    }),
    'positions move before the documents are written': (store) => ({
      ...store,
      async save(writes, positions, session) {
        await store.save([], positions, session);
        return store.save(writes, new Map(), session);
      },
    }),
    'documents forget their applied events': (store) => ({
      ...store,
      async load(ids, streams) {
        const found = await store.load(ids, streams);
        return { ...found, documents: found.documents.map((document) => ({ ...document, positions: {} })) };
      },
    }),
    'missing progress is claimed': (store) => ({
      ...store,
      async load(ids, streams) {
        const found = await store.load(ids, streams);
        const raised = [...found.positions].map(
          ([stream, position]) => [stream, { ...position, commitNo: position.commitNo + 1 }] as const,
        );
        return { ...found, positions: new Map(raised) };
      },
    }),
    'a position counts for projections that it does not name': (store) => ({
      ...store,
      async load(ids, streams) {
        const found = await store.load(ids, streams);
        const names = [...new Set([...everyName, ...[...found.positions.values()].flatMap(({ of }) => of)])];
        for (const name of names) everyName.add(name);
        const widened = [...found.positions].map(([stream, position]) => [stream, { ...position, of: names }] as const);
        return { ...found, positions: new Map(widened) };
      },
    }),
    'a sweep ends before its repairs are done': (store) => ({
      ...store,
      async load(ids, streams) {
        const state = await store.sweepState();
        if (state) await store.setSweepState({ ...state, sweptTo: 30_000 });
        return store.load(ids, streams);
      },
    }),
    'quarantine is not kept': (store) => ({
      ...store,
      save: (writes, positions, session) =>
        store.save(
          writes,
          new Map([...positions].map(([stream, { of, commitNo }]) => [stream, { of, commitNo }])),
          session,
        ),
    }),
  };
  const everyName = new Set<string>();
  for (const [name, plant] of Object.entries(faults)) {
    it(`finds that ${name}`, async () => {
      const found = await deliveryProperty(createMemorySink, { runs: 5_000, plant }).then(
        () => undefined,
        (error: unknown) => error,
      );
      expect(found).to.be.an('error').with.property('message').that.contains('Counterexample');
    });
  }

  it('needs the comparison after a failover', async () => {
    const plant = (store: DocumentStore): DocumentStore => ({ ...store, lineage: async () => 'always the same' });
    const found = await deliveryProperty(createMemorySink, { runs: 5_000, plant, travel }).then(
      () => undefined,
      (error: unknown) => error,
    );
    expect(found).to.be.an('error').with.property('message').that.contains('Counterexample');
  });
});

function travel(sink: Sink) {
  const memory = sink as MemorySink;
  let kept = memory.snapshot();
  return {
    remember() {
      kept = memory.snapshot();
    },
    /** With `documents`, the positions are on a server that has lost nothing. */
    setBack(what: 'everything' | 'documents') {
      memory.restore(what === 'everything' ? kept : { ...memory.snapshot(), documents: kept.documents });
    },
  };
}
