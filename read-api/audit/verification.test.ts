import { expect } from 'chai';
import { callerOf } from '../../test/call-endpoint.js';
import { type ArchiveState, MAX_COUNTED_BEYOND, verificationQuery } from './verification.js';

const LOG = { origin: 'commerce-core/log', verifierKey: 'commerce-core/log+00000000+AQ==' };
const CHECKPOINT = { size: 5, root: 'AAAA', upTo: 1_800_000_000_123, note: 'note\n', cosignedBy: ['witness.example'] };

describe('GET /v1/audit/verification', () => {
  const answerTo = (state: ArchiveState, events: object[] = []) => {
    const store = {
      async *read() {
        yield { events } as never;
      },
    };
    return callerOf([verificationQuery({ archive: { state: async () => state }, store })])(
      'get /v1/audit/verification',
    );
  };

  it('returns the newest checkpoint, the public key and what lies beyond', async () => {
    expect(await answerTo({ ...LOG, checkpoint: CHECKPOINT, beyond: 3 })).to.deep.include({
      status: 200,
      body: {
        ...LOG,
        checkpoint: { ...CHECKPOINT, upTo: '2027-01-15T08:00:00.123Z' },
        beyond: { commits: 3, atLeast: false },
        lastVerification: null,
      },
    });
  });

  it('says that nothing is archived yet, and counts up to a limit', async () => {
    expect(await answerTo({ ...LOG, checkpoint: null, beyond: MAX_COUNTED_BEYOND })).to.deep.include({
      body: {
        ...LOG,
        checkpoint: null,
        beyond: { commits: MAX_COUNTED_BEYOND, atLeast: true },
        lastVerification: null,
      },
    });
  });

  it('says when the log was last compared with its archive, by whom, and with which result', async () => {
    const verified = (occurredAt: string, problems: number) => ({
      type: 'LogVerified',
      occurredAt,
      actor: { type: 'staff', id: 'staff_1' },
      data: { verificationId: occurredAt, commits: 9, archived: 5, checkpoints: 2, problems },
    });
    const events = [verified('2026-11-28T12:00:00.000Z', 0), verified('2026-11-29T12:00:00.000Z', 1)];
    const { body } = await answerTo({ ...LOG, checkpoint: CHECKPOINT, beyond: 3 }, events);
    expect(body.lastVerification).to.deep.equal({
      at: '2026-11-29T12:00:00.000Z',
      by: { type: 'staff', id: 'staff_1' },
      commits: 9,
      archived: 5,
      checkpoints: 2,
      problems: 1,
    });
  });
});
