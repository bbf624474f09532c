import { expect } from 'chai';
import { type ExpectedVersion, versionMismatch, withoutExpectedVersion } from './command.js';

describe('The version that a command expects', () => {
  const mismatch = (expected: ExpectedVersion | undefined, version: number) => versionMismatch(expected, version);

  it('is one version, one of a list, or any version of a stream with events', () => {
    const met: [ExpectedVersion | undefined, number][] = [
      [undefined, 0],
      [undefined, 7],
      [3, 3],
      [0, 0],
      ['any', 1],
      ['any', 9],
      [[2, 3], 3],
    ];
    for (const [expected, version] of met) expect(mismatch(expected, version), `${expected}`).to.equal(undefined);
  });

  it('rejects every other version, and says which one there is', () => {
    const rejections: [ExpectedVersion, number, string][] = [
      [3, 4, 'The resource is at version 4, not 3; read it again.'],
      [3, 2, 'The resource is at version 2, not 3; read it again.'],
      [[2, 3], 4, 'The resource is at version 4, not at an expected one; read it again.'],
      [[], 1, 'The resource is at version 1, not at an expected one; read it again.'],
      ['any', 0, 'The resource does not exist yet.'],
    ];
    for (const [expected, version, detail] of rejections) {
      expect(mismatch(expected, version)).to.deep.equal({ rejected: 'version_mismatch', detail, facts: { version } });
    }
  });

  it('is left out of the commands on other streams', () => {
    const meta = { id: 'c1', issuedAt: 1, correlationId: 'r1', actor: { type: 'process', id: 'p' } } as const;
    expect(withoutExpectedVersion({ ...meta, expectedVersion: 3 })).to.deep.equal(meta);
  });
});
