import { expect } from 'chai';
import { callerOf } from '../../test/call-endpoint.js';
import { type ArchiveState, MAX_COUNTED_BEYOND, verificationQuery } from './verification.js';

const LOG = { origin: 'commerce-core/log', verifierKey: 'commerce-core/log+00000000+AQ==' };
const CHECKPOINT = { size: 5, root: 'AAAA', upTo: 1_800_000_000_123, note: 'note\n', cosignedBy: ['witness.example'] };

describe('GET /v1/audit/verification', () => {
  const answerTo = (state: ArchiveState) =>
    callerOf([verificationQuery({ archive: { state: async () => state } })])('get /v1/audit/verification');

  it('returns the newest checkpoint, the public key and what lies beyond', async () => {
    expect(await answerTo({ ...LOG, checkpoint: CHECKPOINT, beyond: 3 })).to.deep.include({
      status: 200,
      body: {
        ...LOG,
        checkpoint: { ...CHECKPOINT, upTo: '2027-01-15T08:00:00.123Z' },
        beyond: { commits: 3, atLeast: false },
      },
    });
  });

  it('says that nothing is archived yet, and counts up to a limit', async () => {
    expect(await answerTo({ ...LOG, checkpoint: null, beyond: MAX_COUNTED_BEYOND })).to.deep.include({
      body: { ...LOG, checkpoint: null, beyond: { commits: MAX_COUNTED_BEYOND, atLeast: true } },
    });
  });
});
