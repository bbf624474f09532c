import { expect } from 'chai';
import {
  APPEND_BUDGET_MS,
  MAX_CLOCK_SKEW_MS,
  MAX_COMMIT_BYTES,
  REMEMBERED_MS,
  RETRY_HORIZON_MS,
  WATERMARK_LAG_MS,
} from './limits.js';

describe('The limits of the log', () => {
  it('hide a commit from the log’s readers until no earlier one can still appear', () => {
    const slowest = APPEND_BUDGET_MS + MAX_CLOCK_SKEW_MS;
    const clockAhead = MAX_CLOCK_SKEW_MS;
    expect(WATERMARK_LAG_MS - slowest - clockAhead, 'room for what is not measured').to.equal(1_000);
  });

  it('remember a command as long as its sender may repeat it: half an hour, of which a short time in memory', () => {
    expect(RETRY_HORIZON_MS).to.equal(1_800_000);
    expect(REMEMBERED_MS).to.be.within(APPEND_BUDGET_MS, RETRY_HORIZON_MS / 10);
  });

  it('leave room in a DynamoDB item of 400 KB for indexes and change records', () => {
    expect(MAX_COMMIT_BYTES).to.be.within(200 * 1024, 300 * 1024);
  });
});
