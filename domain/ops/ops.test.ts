import { expect } from 'chai';
import { decider, issuedTwiceChangesNothing } from '../../test/domain/given-when-then.js';
import type { OpsEvent } from './events.js';
import { MAX_SKIPS, ops } from './ops.js';

const commit = { projection: 'orders', stream: 'order#1', commitNo: 3 } as const;
const skip = { skipId: 'S1', ...commit };
const retry = { type: 'RetryQuarantine', retryId: 'R1', ...commit } as const;
const skipIt = { type: 'SkipCommit', ...skip, reason: 'a test order' } as const;
const skipped = (skipId = 'S1', commitNo = 3): OpsEvent => {
  return { type: 'CommitSkipped', data: { ...skip, skipId, commitNo, reason: 'a test order' } };
};
const endSkip = { type: 'EndSkip', skipId: 'S1', reason: 'mended' } as const;
const pause = { type: 'PauseWork', target: 'orders', reason: 'index is rebuilt' } as const;
const paused: OpsEvent = { type: 'WorkPaused', data: { target: 'orders', reason: 'index is rebuilt' } };
const resume = { type: 'ResumeWork', target: 'orders' } as const;

describe('The operations', () => {
  const { given } = decider(ops);

  it('record each retry of a commit, with the reason if there is one', () => {
    given([])
      .when(retry)
      .then([{ type: 'QuarantineRetried', data: { retryId: 'R1', ...commit } }]);
    given([])
      .when({ ...retry, reason: 'mended' })
      .then([{ type: 'QuarantineRetried', data: { retryId: 'R1', ...commit, reason: 'mended' } }]);
  });

  it('record each verification of the log, once', () => {
    const result = { verificationId: 'V1', commits: 9, archived: 8, checkpoints: 2, problems: 0 };
    const verified: OpsEvent = { type: 'LogVerified', data: result };
    given([])
      .when({ type: 'RecordVerification', ...result })
      .then([verified]);
    given([verified])
      .when({ type: 'RecordVerification', ...result })
      .then([]);
    const next = { ...result, verificationId: 'V2', problems: 1 };
    given([verified])
      .when({ type: 'RecordVerification', ...next })
      .then([{ type: 'LogVerified', data: next }]);
  });

  it('skip a commit for one projection until the skip is ended', () => {
    given([]).when(skipIt).then([skipped()]);
    expect(given([skipped()]).state.skips).to.deep.equal([skip]);
    given([skipped()])
      .when(endSkip)
      .then([{ type: 'CommitSkipEnded', data: { ...skip, reason: 'mended' } }]);
    expect(
      given([skipped(), skipped('S2', 4), { type: 'CommitSkipEnded', data: { ...skip, reason: 'mended' } }]).state
        .skips,
    ).to.deep.equal([{ ...skip, skipId: 'S2', commitNo: 4 }]);
  });

  it('skip a commit once, but the same commit for another projection, or another commit of the stream, too', () => {
    given([skipped()])
      .when({ ...skipIt, skipId: 'S2' })
      .then([]);
    for (const other of [{ projection: 'stock' }, { commitNo: 4 }, { stream: 'order#2' as const }]) {
      const { type, ...data } = { ...skipIt, skipId: 'S2', ...other };
      given([skipped()])
        .when({ type, ...data })
        .then([{ type: 'CommitSkipped', data }]);
    }
  });

  it('skip at most a thousand commits at a time', () => {
    const many = Array.from({ length: MAX_SKIPS }, (_, n) => skipped(`T${n}`, n + 10));
    given(many).when(skipIt).thenRejected('rule_violated');
    given(many.slice(1)).when(skipIt).then([skipped()]);
  });

  it('pause work, and resume what is paused', () => {
    given([]).when(pause).then([paused]);
    expect(given([paused]).state.paused).to.deep.equal(['orders']);
    given([paused])
      .when({ ...pause, target: 'stock' })
      .then([{ type: 'WorkPaused', data: { target: 'stock', reason: 'index is rebuilt' } }]);
    given([paused])
      .when(resume)
      .then([{ type: 'WorkResumed', data: { target: 'orders' } }]);
    given([]).when(resume).then([]);
    expect(given([paused, { type: 'WorkResumed', data: { target: 'orders' } }]).state.paused).to.deep.equal([]);
  });

  it('are not changed by a command that is issued again', () => {
    issuedTwiceChangesNothing(ops, {
      RetryQuarantine: { given: [], when: retry },
      SkipCommit: { given: [], when: skipIt },
      EndSkip: { given: [skipped()], when: endSkip },
      PauseWork: { given: [], when: pause },
      RecordVerification: {
        given: [],
        when: {
          type: 'RecordVerification',
          verificationId: 'V1',
          commits: 9,
          archived: 8,
          checkpoints: 2,
          problems: 0,
        },
      },
      ResumeWork: { given: [paused], when: resume },
    });
  });
});
