import { expect } from 'chai';
import { counted, type FadingCounts, HALF_LIFE_MS, MAX_TRENDING, merged } from './trending.js';

function countsOf(list: FadingCounts | undefined): Record<string, number> {
  return Object.fromEntries(list?.counts ?? []);
}

describe('Fading counts', () => {
  it('halve with each half-life', () => {
    const first = counted(undefined, ['mug'], 0);
    const second = counted(first, ['mug', 'tea'], HALF_LIFE_MS);
    expect(countsOf(second)).to.deep.equal({ mug: 1.5, tea: 1 });
    expect(countsOf(counted(second, ['tea'], 2 * HALF_LIFE_MS))).to.deep.equal({ mug: 0.75, tea: 1.5 });
  });

  it('count an event of the past as much as it is worth now', () => {
    const now = counted(undefined, ['mug'], 2 * HALF_LIFE_MS);
    expect(counted(now, ['tea'], 0)).to.deep.equal({
      at: 2 * HALF_LIFE_MS,
      counts: [
        ['mug', 1],
        ['tea', 0.25],
      ],
    });
  });

  it('add up over several lists at the time of the newest', () => {
    const lists = [counted(undefined, ['mug', 'tea'], 0), counted(undefined, ['mug'], HALF_LIFE_MS)];
    expect(merged(lists)?.at).to.equal(HALF_LIFE_MS);
    expect(countsOf(merged(lists))).to.deep.equal({ mug: 1.5, tea: 0.5 });
    expect(merged([])).to.equal(undefined);
  });

  it('keep their bound', () => {
    let list: FadingCounts | undefined;
    for (let n = 0; n < 3 * MAX_TRENDING; n++) list = counted(list, [`sku${n}`, 'mug'], n);
    expect(list?.counts.length).to.be.at.most(MAX_TRENDING);
    expect(countsOf(list).mug).to.be.greaterThan(100);
  });
});
