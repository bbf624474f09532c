// The progress line: on a terminal only.
import { PassThrough } from 'node:stream';
import { expect } from 'chai';
import { createProgress } from './progress.js';

function terminal(isTTY: boolean): { stream: NodeJS.WriteStream; text(): string } {
  const written: string[] = [];
  const stream = new PassThrough() as unknown as NodeJS.WriteStream & PassThrough;
  stream.on('data', (chunk) => written.push(String(chunk)));
  const cursor = { cursorTo: () => true, clearLine: () => true, moveCursor: () => true };
  Object.assign(stream, { isTTY, columns: 100, ...cursor });
  return { stream, text: () => written.join('') };
}

describe('The progress line', () => {
  it('shows the position, speed and remaining time of each job', () => {
    const { stream, text } = terminal(true);
    const progress = createProgress(stream);
    progress.report('products', 3, 10);
    progress.report('products', 10, 10);
    progress.report('invoices', 1, 200);
    progress.report('documents', 7);
    progress.end();
    expect(text()).to.match(/products 10\/10 .*\/s, .* left/);
    expect(text()).to.match(/documents 7, \d+\/s/);
    expect(text()).to.match(/invoices 1\/200 .*\/s, .* left/);
  });

  it('is silent in a pipe', () => {
    const { stream, text } = terminal(false);
    const progress = createProgress(stream);
    progress.report('products', 3, 10);
    progress.end();
    expect(text()).to.equal('');
  });
});
