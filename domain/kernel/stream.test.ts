import { expect } from 'chai';
import fc from 'fast-check';
import { categoryOf, isStreamId, partsOf, streamId } from './stream.js';

describe('A stream', () => {
  it('is named by its category and the parts of its id, whatever characters they have', () => {
    expect(streamId('stock', '85123A', 'main')).to.equal('stock#85123A@main');
    fc.assert(
      fc.property(fc.tuple(fc.string({ minLength: 1 }), fc.string({ minLength: 1 })), (parts) => {
        const stream = streamId('stock', ...parts);
        expect(categoryOf(stream)).to.equal('stock');
        expect(partsOf(stream)).to.deep.equal(parts);
        expect(isStreamId(stream)).to.equal(true);
      }),
    );
  });

  it('can be told from other texts', () => {
    expect(['order#1', 'order-numbers#shop', 'stock#85123A@main'].filter((text) => !isStreamId(text))).to.deep.equal(
      [],
    );
    for (const wrong of ['order', 'order#', '#1', 'Order#1', 'order#1#2', ' order#1', 'order 1#2', 'order#1#'])
      expect(isStreamId(wrong), wrong).to.equal(false);
  });
});
