import { expect } from 'chai';
import { z } from 'zod';
import { shows, wholeList, wholeListAnswer } from './answers.js';
import { START } from './commit.js';

describe('Answers', () => {
  it('show a state with its version, and name the commits that the caller has seen', () => {
    const position = { ...START, commitNo: 4, version: 9 };
    const body = { id: 'cart_1' };
    expect(shows(201, body, 'cart#1', { position })).to.deep.equal({
      status: 201,
      body,
      version: 9,
      seen: [['cart#1', 4]],
    });
    expect(shows(200, body, 'cart#1', { position }, ['stock#MUG@main', 2], ['shop#', 1]).seen).to.deep.equal([
      ['cart#1', 4],
      ['stock#MUG@main', 2],
      ['shop#', 1],
    ]);
  });

  it('contain a whole list in the format of paged lists', () => {
    const schema = wholeListAnswer(z.string());
    expect(wholeList(['a', 'b'])).to.deep.equal({ data: ['a', 'b'], page: { next: null, hasMore: false } });
    expect(schema.safeParse(wholeList(['a', 'b'])).success).to.equal(true);
    expect(schema.safeParse(wholeList([1])).success).to.equal(false);
    expect(schema.safeParse({ data: [], page: { next: null, hasMore: true } }).success).to.equal(false);
    expect(schema.safeParse({ data: [], page: { next: null, hasMore: false, total: 0 } }).success).to.equal(false);
    expect(schema.safeParse({ ...wholeList([]), total: 0 }).success).to.equal(false);
  });
});
