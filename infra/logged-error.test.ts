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

  it('has nothing that a driver was sent or has read', () => {
    const sent = { email: 'zoe@kanarien.example', name: 'Zoë Kanariensis', card: '4242424242424242' };
    const text = JSON.stringify(sent);
    const unreadable = () => {
      try {
        return JSON.parse(`${text},`);
      } catch (error) {
        return error;
      }
    };
    const errors = [
      // pg
      Object.assign(new Error('duplicate key value violates unique constraint "orders_pkey"'), {
        code: '23505',
        detail: `Key (email)=(${sent.email}) already exists.`,
        where: text,
        constraint: 'orders_pkey',
      }),
      // MongoDB
      Object.assign(new Error('E11000 duplicate key error'), { writeErrors: [{ err: { op: sent } }], result: sent }),
      // OpenSearch
      Object.assign(new Error('mapper_parsing_exception'), {
        meta: { body: sent, meta: { request: { params: sent } } },
      }),
      // Stripe
      Object.assign(new Error(`Invalid email address: ${sent.email}`), {
        raw: sent,
        payment_intent: sent,
        code: 'email_invalid',
      }),
      // DynamoDB
      Object.assign(new Error('The conditional request failed'), { Item: { data: { S: text } } }),
      unreadable(),
      new Error('outer', { cause: Object.assign(new Error('inner'), { detail: text }) }),
      new AggregateError([Object.assign(new Error('part'), { detail: text })], 'all failed'),
      sent,
      text,
    ];
    for (const error of errors) {
      const line = JSON.stringify(logged(error));
      for (const value of Object.values(sent)) expect(line).not.to.include(value);
      expect(line).not.to.include('Kanariensis');
    }
    expect(logged(errors[0])).to.include({ code: '23505', constraint: 'orders_pkey' });
    expect(logged(errors[6])).to.have.nested.property('cause.message', 'inner');
    expect(logged(errors[7])).to.have.nested.property('errors[0].message', 'part');
  });
});
