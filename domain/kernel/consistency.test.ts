import { expect } from 'chai';
import { mergeSeen } from './consistency.js';
import { MAX_TOKEN_PAIRS } from './limits.js';
import type { StreamId } from './stream.js';

const seen = (category: string, count: number): [StreamId, number][] =>
  Array.from({ length: count }, (_, n) => [`${category}#${n}`, 1]);

describe('The commits that a caller has seen', () => {
  it('are the highest of each stream, from any source', () => {
    const merged = mergeSeen([['cart#1', 3]], [['order#1', 1]], [['cart#1', 2]]);
    expect([...merged]).to.deep.equal([
      ['cart#1', 3],
      ['order#1', 1],
    ]);
  });

  it('are kept in the order they came while they are few', () => {
    const few = seen('stock', MAX_TOKEN_PAIRS - 1);
    expect([...mergeSeen(few, seen('order', 1)).keys()]).to.deep.equal([...few.map(([stream]) => stream), 'order#0']);
  });

  it('are cut to the size of a token, with orders, carts and payments kept first', () => {
    const merged = mergeSeen(
      seen('stock', MAX_TOKEN_PAIRS),
      seen('payment', 1),
      seen('cart', 1),
      seen('order', MAX_TOKEN_PAIRS - 4),
    );
    const kept = [...merged.keys()];
    expect(kept).to.have.length(MAX_TOKEN_PAIRS);
    expect(kept.slice(MAX_TOKEN_PAIRS - 4)).to.deep.equal(['cart#0', 'payment#0', 'stock#0', 'stock#1']);
  });
});
