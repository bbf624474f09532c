import { expect } from 'chai';
import { Unavailable } from '../domain/kernel/errors.js';
import { the } from '../test/the.js';
import { createCountedLog, MAX_LINE_KINDS, REPEATS_COUNTED_MS } from './counted-log.js';

interface Line {
  level: 'warn' | 'error';
  fields: Record<string, unknown>;
  message: string;
}

function world() {
  let now = 1_000;
  let alarm: { run: () => void; at: number } | undefined;
  const lines: Line[] = [];
  const to = (level: Line['level']) => (fields: unknown, message?: string) =>
    void lines.push({ level, fields: fields as Line['fields'], message: the(message) });
  const log = createCountedLog({
    log: { warn: to('warn'), error: to('error') } as never,
    clock: () => now,
    wake(run, ms) {
      expect(alarm, 'one alarm is enough').to.equal(undefined);
      alarm = { run, at: now + ms };
    },
  });
  function advance(ms: number): void {
    now += ms;
    while (alarm && alarm.at <= now) {
      const { run } = alarm;
      alarm = undefined;
      run();
    }
  }
  return { log, lines, advance, isWaiting: () => alarm !== undefined };
}

const failure = (n: number) => new TypeError(`no ${n}`);

describe('The counted log', () => {
  it('writes a line once in a minute, and then its number of repeats with the last one', () => {
    const { log, lines, advance, isWaiting } = world();
    for (let n = 0; n < 1_000; n++) log.error({ requestId: n, err: failure(n) }, 'failed');
    expect(lines).to.have.length(1);
    expect(lines[0]).to.deep.include({ level: 'error', message: 'failed' });
    expect(the(lines[0]).fields).to.include({ requestId: 0 });
    advance(REPEATS_COUNTED_MS - 1);
    expect(lines).to.have.length(1);
    advance(1);
    expect(lines).to.have.length(2);
    expect(lines[1]).to.include({ level: 'error', message: 'failed: 999 more within 60 s; this is the last' });
    expect(the(lines[1]).fields).to.include({ requestId: 999, repeats: 999 });
    expect(isWaiting()).to.equal(false);
    log.error({ requestId: 'new', err: failure(0) }, 'failed');
    expect(the(lines[2]).fields).to.deep.include({ requestId: 'new' });
  });

  it('writes a single line unchanged, and nothing after it', () => {
    const { log, lines, advance, isWaiting } = world();
    log.warn({ stream: 'cart#1' }, 'a snapshot is dropped');
    for (let minute = 0; minute < 3; minute++) advance(REPEATS_COUNTED_MS);
    expect(lines).to.deep.equal([{ level: 'warn', fields: { stream: 'cart#1' }, message: 'a snapshot is dropped' }]);
    expect(isWaiting()).to.equal(false);
  });

  it('ends the minute of each kind separately, even if timers are late', () => {
    const { log, lines, advance } = world();
    log.warn({}, 'a');
    advance(REPEATS_COUNTED_MS / 2);
    for (const message of ['a', 'b', 'b']) log.warn({}, message);
    advance(REPEATS_COUNTED_MS / 2);
    const messages = () => lines.map(({ message }) => message);
    expect(messages()).to.deep.equal(['a', 'b', 'a: 1 more within 60 s; this is the last']);
    advance(REPEATS_COUNTED_MS);
    expect(messages().at(-1)).to.equal('b: 1 more within 60 s; this is the last');
    expect(lines).to.have.length(4);
  });

  it('distinguishes message, level, error and origin, but not the text of an error', () => {
    const { log, lines } = world();
    const coded = (code: string) => Object.assign(failure(1), { code });
    const away = (engine: string) => new Unavailable(engine, 'away');
    const errors = [
      undefined,
      failure(1),
      new RangeError('no 1'),
      coded('23505'),
      coded('57014'),
      away('Redis'),
      away('Postgres'),
      'text',
      null,
    ];
    for (let round = 0; round < 2; round++) {
      for (const level of ['warn', 'error'] as const)
        for (const message of ['a', 'b']) for (const err of errors) log[level]({ err }, message);
    }
    // Thrown values that are not errors have no origin: the three of them are of one kind.
    expect(lines).to.have.length(2 * 2 * (errors.length - 2));
  });

  it('counts kinds beyond the limit together, and writes only their number', () => {
    const { log, lines, advance } = world();
    for (let n = 0; n < 10_000; n++) log.warn({ n }, `odd ${n}`);
    expect(lines).to.have.length(MAX_LINE_KINDS + 1);
    advance(REPEATS_COUNTED_MS);
    expect(lines).to.have.length(MAX_LINE_KINDS + 2);
    expect(the(lines.at(-1)).message).to.match(/^odd 9999, and others: 9899 more within 60 s/);
    log.warn({}, 'odd 1');
    expect(the(lines.at(-1)).message).to.equal('odd 1');
  });
});
