import { expect } from 'chai';
import { the } from '../../test/the.js';
import { compare, figures, ROUNDS, type Side, time } from './measure.js';
import { inParts } from './parts.js';

describe('A comparison', () => {
  const goOn = new AbortController().signal;
  let now: number;
  let played: string[];
  beforeEach(() => {
    now = 0;
    played = [];
  });

  /** Two tasks in sequence that take a given time in each round, in ms. */
  function side(name: string, durations: number[]): Side {
    let round = 0;
    return {
      callers: 1,
      tasks: 2,
      async prepare() {
        now += 1_000;
        const ms = the(durations[round++]);
        played.push(name);
        const task = async () => {
          now += ms;
        };
        return [task, task];
      },
    };
  }

  it('quotes the medians of the rounds, and neither the warm-up nor the preparation counts', async () => {
    const ours = side('ours', [999, 1, 2, 4, 5, 10]);
    const raw = side('raw', [1, 10, 10, 10, 10, 10]);
    expect(await compare({ ours, raw }, { signal: goOn, now: () => now })).to.deep.equal({
      ratio: { median: 2.5, min: 1, max: 10 },
      ours: 250,
      raw: 100,
      p50: 4,
      p99: 4,
    });
  });

  it('lets each side go first in turn, and reports its progress', async () => {
    const durations = Array<number>(ROUNDS + 1).fill(1);
    const reports: number[][] = [];
    const sides = { ours: side('ours', durations), raw: side('raw', durations) };
    const onRound = (done: number, total: number) => void reports.push([done, total]);
    await compare(sides, { signal: goOn, now: () => now, onRound });
    expect(played.join(' ')).to.equal('ours raw raw ours ours raw raw ours ours raw raw ours');
    expect(reports).to.deep.equal([0, 4, 8, 12, 16, 20, 24].map((done) => [done, 24]));
  });

  it('runs as many tasks at a time as there are callers', async () => {
    let underWay = 0;
    let most = 0;
    const task = async () => {
      most = Math.max(most, ++underWay);
      await Promise.resolve();
      underWay--;
    };
    const prepare = async (tasks: number) => Array<typeof task>(tasks).fill(task);
    const opened = {
      ours: { callers: 7, tasks: 20, prepare },
      raw: { callers: 3, tasks: 20, prepare },
      close: async () => {},
    };
    await compare(opened, { signal: goOn });
    expect(most).to.equal(7);
  });

  it('reports the time of a round without a comparison, and verifies every round', async () => {
    let verified = 0;
    const verify = () => void verified++;
    const alone = { ...side('alone', [999, 100, 200, 400, 500, 1_000]), verify };
    expect(await time(alone, { signal: goOn, now: () => now })).to.deep.equal({
      seconds: { median: 0.8, min: 0.2, max: 2 },
      ours: 2.5,
      p50: 400,
      p99: 400,
    });
    expect(verified).to.equal(ROUNDS + 1);
  });

  it('plays as many rounds as are asked for, and one to warm up', async () => {
    const sides = { ours: side('ours', [1, 2, 2]), raw: side('raw', [1, 3, 1]) };
    const { ratio } = await compare(sides, { rounds: 2, signal: goOn, now: () => now });
    expect(ratio).to.deep.equal({ median: 0.5, min: 0.5, max: 1.5 });
    expect(played).to.have.length(6);
  });

  it('takes one figure in each round. The first does not count, unless it is the only one', async () => {
    const taking = (values: number[]) => async () => values.shift()!;
    const spread = await figures(taking([900, 3, 1, 2]), { rounds: 3, signal: goOn });
    expect(spread).to.deep.equal({ median: 2, min: 1, max: 3 });
    expect(await figures(taking([7]), { rounds: 1, signal: goOn })).to.deep.equal({ median: 7, min: 7, max: 7 });
    const stopped = AbortSignal.abort(new Error('enough'));
    const failure = await figures(taking([7]), { signal: stopped }).catch((error: Error) => error.message);
    expect(failure).to.equal('enough');
  });

  it('does all parts of its preparation, a few at a time', async () => {
    const done: number[] = [];
    let underWay = 0;
    let most = 0;
    await inParts(7, 3, async (part) => {
      most = Math.max(most, ++underWay);
      await Promise.resolve();
      underWay--;
      done.push(part);
    });
    expect({ most, done }).to.deep.equal({ most: 3, done: [0, 1, 2, 3, 4, 5, 6] });
  });

  it('reports the median and the 99th percentile of the task times', async () => {
    const tasks = Array.from({ length: 200 }, (_, n) => async () => {
      now += n + 1;
    });
    const run = await time({ callers: 1, tasks: 200, prepare: async () => tasks }, { signal: goOn, now: () => now });
    expect(run).to.deep.include({ p50: 100, p99: 198 });
  });

  it('stops between two tasks on abort, and leaves no task running', async () => {
    const stop = new AbortController();
    let begun = 0;
    let ended = 0;
    const task = async () => {
      if (++begun === 5) stop.abort(new Error('enough'));
      await new Promise(setImmediate);
      ended++;
    };
    const raw: Side = { callers: 3, tasks: 1_000, prepare: async (tasks) => Array<typeof task>(tasks).fill(task) };
    const failure = await compare({ ours: raw, raw }, { signal: stop.signal }).catch((error: Error) => error.message);
    expect(failure).to.equal('enough');
    expect({ begun, ended }).to.deep.equal({ begun: ended, ended: begun });
    expect(begun).to.be.below(10);
  });
});
