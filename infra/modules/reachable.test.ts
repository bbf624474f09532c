// The health of engines: which are away, and how few checks this takes.
import { expect } from 'chai';
import { createHealth, type Engine } from './reachable.js';

const NONE = { commands: [], readModels: [] };
const LOG = { commands: ['log'], readModels: [] };

describe('The health of engines', () => {
  let now: number;
  beforeEach(() => {
    now = 0;
  });

  /** An engine whose next checks end with these results. */
  function engine(name: string, serves: Engine['serves'], results: (() => Promise<unknown>)[]) {
    const engine = {
      name,
      address: name,
      serves,
      checks: 0,
      ping: async () => {},
      check: () => results[Math.min(engine.checks++, results.length - 1)]!(),
    };
    return engine;
  }
  const up = async () => {};
  const down = () => Promise.reject(new Error('no connection'));

  it('names what is away by what it serves', async () => {
    const health = createHealth(
      [
        engine('log', 'commands', [down]),
        engine('search', 'read models', [down]),
        engine('pages', 'read models', [up]),
      ],
      () => now,
    );
    expect(await health()).to.deep.equal({ commands: ['log'], readModels: ['search'] });
  });

  it('is checked once for requests at the same time, and at most once a second', async () => {
    const log = engine('log', 'commands', [up, down, up]);
    const health = createHealth([log], () => now);
    expect(await Promise.all([health(), health(), health()])).to.deep.equal([NONE, NONE, NONE]);
    now = 999;
    expect(await health()).to.deep.equal(NONE);
    expect(log.checks).to.equal(1);
    now = 1_000;
    expect(await Promise.all([health(), health()])).to.deep.equal([LOG, LOG]);
    expect(log.checks).to.equal(2);
    now = 2_000;
    expect(await health()).to.deep.equal(NONE);
  });

  it('counts an engine that hangs as away after two seconds, and waits for the end of that check before the next', async () => {
    let answer = () => {};
    const hang = () =>
      new Promise<void>((resolve) => {
        answer = resolve;
      });
    const hanging = engine('log', 'commands', [hang, up]);
    const health = createHealth([hanging], () => now);
    expect(await health()).to.deep.equal(LOG);
    now = 60_000;
    expect(await health()).to.deep.equal(LOG);
    expect(hanging.checks).to.equal(1);
    answer();
    await new Promise(setImmediate);
    expect(await health()).to.deep.equal(NONE);
    expect(hanging.checks).to.equal(2);
  });
});
