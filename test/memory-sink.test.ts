// The in-memory sink meets the sink's contract, and the law of delivery finds planted faults.
import { expect } from 'chai';
import type { SinkTable } from '../projections/runtime/sink.js';
import { deliveryProperty } from './contracts/delivery.property.js';
import { sinkContract } from './contracts/sink.contract.js';
import { runsOf } from './every-case.js';
import { createMemorySink } from './memory-sink.js';

describe('The in-memory sink', () => {
  const sink = createMemorySink();
  sinkContract(() => sink, { runs: runsOf(2_000), shrink: true });
});

describe('The law of delivery', () => {
  const faults: Record<string, (table: SinkTable) => SinkTable> = {
    'compare-and-set is ignored': (table) => ({
      ...table,
      async save(writes) {
        const current = await table.load(writes.map(({ key }) => key));
        return table.save(writes.map((write) => ({ ...write, revision: current.get(write.key)?.revision })));
      },
    }),
    'a lost race counts as saved': (table) => ({
      ...table,
      async save(writes) {
        await table.save(writes);
        return writes.map(() => ({ saved: true }));
      },
    }),
    'positions move before the documents are written': (table) => ({
      ...table,
      async save(writes) {
        await table.advance(new Map(writes.flatMap(({ positions }) => Object.entries(positions)) as never));
        return table.save(writes);
      },
    }),
    'documents forget their applied events': (table) => ({
      ...table,
      load: async (keys) =>
        new Map([...(await table.load(keys))].map(([key, found]) => [key, { ...found, positions: {} }])),
    }),
    'tombstones are deleted': (table) => ({
      ...table,
      async load(keys) {
        const found = [...(await table.load(keys))];
        return new Map(
          found.map(([key, stored]) => [key, stored.document === null ? { ...stored, positions: {} } : stored]),
        );
      },
    }),
    'missing progress is claimed': (table) => ({
      ...table,
      progress: async (streams) =>
        new Map(
          [...(await table.progress(streams))].map(([stream, found]) => [
            stream,
            { ...found, commitNo: found.commitNo + 1 },
          ]),
        ),
    }),
    'a sweep ends before its repairs are done': (table) => ({
      ...table,
      async progress(streams) {
        await table.setSweptTo(30_000);
        return table.progress(streams);
      },
    }),
    'quarantine is not kept': (table) => ({ ...table, quarantine: async () => {} }),
  };
  for (const [name, plant] of Object.entries(faults)) {
    it(`finds that ${name}`, async () => {
      const found = await deliveryProperty(createMemorySink, { runs: 5_000, plant }).then(
        () => undefined,
        (error: unknown) => error,
      );
      expect(found).to.be.an('error').with.property('message').that.contains('Counterexample');
    });
  }
});
