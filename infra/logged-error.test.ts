import { expect } from 'chai';
import pino from 'pino';
import { OperatorError, StreamBusy } from '../domain/kernel/errors.js';
import { the } from '../test/the.js';
import { loggedError } from './logged-error.js';
import { withinBudget } from './retry.js';

describe('An error in the log', () => {
  function logged(err: unknown) {
    const lines: string[] = [];
    const log = pino({ serializers: { err: loggedError } }, { write: (line: string) => void lines.push(line) });
    log.warn({ err }, 'something');
    return JSON.parse(the(lines[0])).err;
  }
  const failure = (code: string, message: string) =>
    withinBudget({ engine: 'Postgres', budgetMs: 0, isRetryable: () => true }, async () => {
      throw Object.assign(new Error(message), { code });
    }).catch((error: unknown) => error);

  it("reports an engine's machine errors with advice, without a stack", async () => {
    const error = await failure('53100', 'could not extend file "base/1/2": No space left on device');
    expect(logged(error)).to.deep.equal({
      type: 'Unavailable',
      message:
        'Postgres: no success within 0 ms; the last error was: could not extend file "base/1/2": No space left on device; free some space on its disk',
      code: 'unavailable',
      engine: 'Postgres',
    });
    expect(logged(await failure('08006', 'gone')).message).to.match(/gone$/);
  });

  it('names the stream, which the caller is not told', () => {
    expect(logged(new StreamBusy('stock#MUG@main'))).to.include({ stream: 'stock#MUG@main', code: 'conflict' });
    expect(logged(new OperatorError('Mend it.'))).to.deep.equal({ type: 'OperatorError', message: 'Mend it.' });
  });

  it('has a stack if it is an internal error', () => {
    expect(logged(new TypeError('x is not a function'))).to.include.keys('stack', 'message', 'type');
  });
});
