import { expect } from 'chai';
import { FORMAT, headerOf, START } from './commit.js';

describe('The format of the log', () => {
  it('hashes number, place, versions, time and commands of a commit, in this order', () => {
    const commit = { f: FORMAT, pk: 'order#1', sk: 3, fv: 4, lv: 5, at: 6_000, cs: ['c1', 'c2'] } as const;
    expect(headerOf({ ...commit, cs: [...commit.cs] })).to.equal('[1,"order#1",3,4,5,6000,["c1","c2"]]');
  });

  it('begins a stream with a previous hash of zeros', () => {
    expect(START).to.deep.equal({ commitNo: 0, version: 0, hash: '0'.repeat(64), at: 0 });
  });
});
