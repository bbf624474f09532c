import { expect } from 'chai';
import fc from 'fast-check';
import { compareLogEntries, entryOf, type LogEntry, UnreadableCommit } from './event-store.js';

describe('The order of the log', () => {
  const entry = (at: number, stream: string, commitNo: number): LogEntry => ({
    at,
    stream: `cart#${stream}`,
    commitNo,
  });
  const ordered = [entry(1, 'b', 9), entry(2, 'a', 2), entry(2, 'a', 10), entry(2, 'b', 1), entry(10, 'a', 1)];

  it('is by time, then by stream, then by commit number', () => {
    fc.assert(
      fc.property(fc.shuffledSubarray(ordered), (some) => {
        const expected = ordered.filter((one) => some.includes(one));
        expect(some.toSorted(compareLogEntries)).to.deep.equal(expected);
      }),
    );
    for (const one of ordered) expect(compareLogEntries(one, { ...one })).to.equal(0);
  });

  it('has an entry for each stored commit', () => {
    expect(entryOf({ at: 7, pk: 'cart#1', sk: 3 })).to.deep.equal({ at: 7, stream: 'cart#1', commitNo: 3 });
  });

  it('names the commit that cannot be read', () => {
    const error = new UnreadableCommit(entry(1, 'b', 9), 'its text is no JSON');
    expect(String(error)).to.equal('UnreadableCommit: Commit 9 of cart#b cannot be read: its text is no JSON.');
    expect(error).to.deep.include({ entry: entry(1, 'b', 9), problem: 'its text is no JSON' });
  });
});
