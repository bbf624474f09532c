import { expect } from 'chai';
import { print, printed } from './printed.js';

describe('Data of the log on a terminal', () => {
  it('names the owner of sealed values, and shows nothing else of them', async () => {
    const sealed = { sealed: 'customer_ada', at: 'order#1/1/email', box: 'AAAA' };
    expect(await printed({ lines: [{ note: sealed }] }, 2)).to.equal(
      '  { lines: [ { note: (sealed: customer_ada) } ] }',
    );
  });

  it('cannot control the terminal or the direction of text', async () => {
    const log = console.log;
    let shown = '';
    console.log = (text: string) => {
      shown = text;
    };
    try {
      print(`a\u001b[31m\u0007\r\nb\u202ec\u2066${await printed({ title: '\u001b]0;x\u0007' }, 0)}`);
    } finally {
      console.log = log;
    }
    expect(shown).to.equal("a[31m\nbc{ title: '\\x1B]0;x\\x07' }");
  });
});
