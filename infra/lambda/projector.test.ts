import type { KinesisStreamRecord } from 'aws-lambda';
import { expect } from 'chai';
import type { Commit } from '../../domain/kernel/commit.js';
import { Unavailable } from '../../domain/kernel/errors.js';
import { applyInOrder } from './projector.js';

/** 250 records, in three chunks. */
const RECORDS = Array.from(
  { length: 250 },
  (_, index) => ({ kinesis: { sequenceNumber: String(1000 + index) } }) as KinesisStreamRecord,
);
const commitsOf = ({ kinesis }: KinesisStreamRecord) => [{ name: kinesis.sequenceNumber } as unknown as Commit];
const log = { warn() {} };

/** Applies until the store is away. */
function storeAwayFrom(sequenceNumber?: string) {
  const applied: string[] = [];
  const projector = {
    async apply(commits: readonly Commit[]) {
      const names = commits.map((commit) => (commit as unknown as { name: string }).name);
      if (sequenceNumber !== undefined && names.includes(sequenceNumber)) throw new Unavailable('a store', 'away');
      applied.push(...names);
    },
  };
  return { applied, projector };
}

const running = () => new AbortController().signal;

describe('A projector function', () => {
  it('applies all records in order, and reports none', async () => {
    const { applied, projector } = storeAwayFrom();
    const answer = await applyInOrder({
      Records: RECORDS,
      commitsOf,
      projectors: [projector],
      deadline: running(),
      log,
    });
    expect(answer).to.deep.equal({ batchItemFailures: [] });
    expect(applied).to.deep.equal(RECORDS.map(({ kinesis }) => kinesis.sequenceNumber));
  });

  it('stops at the first records that a store cannot take, and reports the lowest of them', async () => {
    const { applied, projector } = storeAwayFrom('1150');
    const answer = await applyInOrder({
      Records: RECORDS,
      commitsOf,
      projectors: [projector],
      deadline: running(),
      log,
    });
    expect(answer).to.deep.equal({ batchItemFailures: [{ itemIdentifier: '1100' }] });
    expect(applied.at(-1)).to.equal('1099');
  });

  it('does not wait for a store that hangs beyond its time', async () => {
    const deadline = new AbortController();
    const hanging = {
      apply: () => {
        deadline.abort(new Error('late'));
        return new Promise<void>(() => {});
      },
    };
    const batch = { Records: RECORDS, commitsOf, projectors: [hanging], deadline: deadline.signal, log };
    expect(await applyInOrder(batch)).to.deep.equal({ batchItemFailures: [{ itemIdentifier: '1000' }] });
  });

  it('has nothing to report of an empty batch', async () => {
    expect(await applyInOrder({ Records: [], commitsOf, projectors: [], deadline: running(), log })).to.deep.equal({
      batchItemFailures: [],
    });
  });
});
