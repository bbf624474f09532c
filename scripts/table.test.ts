// Tables on terminals of every usual width: no line is wider than the terminal, whatever the cells contain, and nothing is lost.
import { expect } from 'chai';
import fc from 'fast-check';
import stringWidth from 'string-width';
import { table } from './table.js';

const columns = fc.integer({ min: 60, max: 200 });
const word = fc.oneof(
  fc.string({ unit: 'grapheme', minLength: 1, maxLength: 12 }),
  fc.stringMatching(/^[a-z/_.-]{1,90}$/),
  fc.constantFrom('商品', 'payment_01k8w3v6z7n2m4q8r5t9x0y1ab', '2026-01-02T03:04:05.678Z', '1,234', 'Größe'),
);
const cell = fc.oneof(
  fc.integer(),
  fc.array(word, { maxLength: 12 }).map((words) => words.join(' ')),
);
const content = fc.integer({ min: 2, max: 9 }).chain((length) =>
  fc.record({
    head: fc.array(fc.stringMatching(/^[a-z]{1,9}( [a-z]{1,9})?$/), { minLength: length, maxLength: length }),
    rows: fc.array(fc.array(cell, { minLength: length, maxLength: length }), { minLength: 1, maxLength: 4 }),
    right: fc.subarray([...Array(length).keys()]),
  }),
);

const widthOf = (text: string) => Math.max(...text.split('\n').map((line) => stringWidth(line)));

/** The text of the cells, without the frame and line breaks. */
const lettersOf = (text: string) => [...text.replace(/[\p{Cc}\s│─┌┬┐├┼┤└┴┘]/gu, '')].sort().join('');

describe('A table', () => {
  it('is no wider than the terminal, and holds all of its text', () => {
    fc.assert(
      fc.property(columns, content, (width, { head, rows, right }) => {
        const drawn = table({ head, rows, right }, width);
        expect(widthOf(drawn)).to.be.at.most(width);
        const isOne = drawn.split('\n').filter((line) => line.startsWith('┌')).length === 1;
        const heads = isOne ? [head] : rows.map(() => head);
        expect(lettersOf(drawn)).to.equal(lettersOf([...heads, ...rows].flat().join('')));
      }),
      { numRuns: 100 },
    );
  });

  it('without a head is no wider either', () => {
    const rows = fc.array(fc.tuple(cell, cell), { minLength: 1, maxLength: 5 });
    fc.assert(
      fc.property(columns, rows, (width, pairs) => {
        const drawn = table({ rows: pairs, right: [1] }, width);
        expect(widthOf(drawn)).to.be.at.most(width);
        expect(lettersOf(drawn)).to.equal(lettersOf(pairs.flat().join('')));
      }),
      { numRuns: 100 },
    );
  });

  it('keeps numbers, ids and times whole: rows that do not fit become tables of their own', () => {
    const whole = ['payment_01k8w3v6z7n2m4q8r5t9x0y1ab', 'pi_3QxYzA2eZvKYlo2C1Abc1234', '2026-01-02T03:04:05.678Z'];
    const head = ['payment', 'at Stripe', 'since', 'here'];
    for (let width = 60; width <= 200; width += 1) {
      const drawn = table({ head, rows: [[...whole, '1,234,567.89']] }, width);
      for (const text of [...whole, '1,234,567.89']) expect(drawn, `${width} columns`).to.include(text);
      expect(widthOf(drawn)).to.be.at.most(width);
    }
  });

  it('wraps long text between words, and removes control characters', () => {
    const text = 'permission denied; use the account that owns it, or name another place';
    const drawn = table({ head: ['check', 'finding'], rows: [['data\x1b[2J', `${text}\r\n\t${text}`]] }, 60);
    expect(drawn.replaceAll('\n', '')).not.to.match(/\p{Cc}/u);
    for (const part of text.split(' ')) expect(drawn).to.include(part);
  });

  it('is as wide as its text if there is room', () => {
    expect(table({ head: ['a', 'b'], rows: [['x', 12]], right: [1] }, 80).split('\n')).to.deep.equal([
      '┌───┬────┐',
      '│ a │  b │',
      '├───┼────┤',
      '│ x │ 12 │',
      '└───┴────┘',
    ]);
  });
});
