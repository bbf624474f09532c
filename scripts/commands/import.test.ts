// The command as people and scripts use it, on an event store in memory.
import { expect } from 'chai';
import { fileSource } from '../../commands/import/source.js';
import { FIXTURE, FIXTURE_COUNTS } from '../../test/fixtures/online-retail.js';
import { createImportWorld, type ImportWorld } from '../../test/import-world.js';
import type { ImportShop } from '../import-run.js';
import { importCommand } from './import.js';

interface Run {
  out: string;
  /** The calls of the command to the shop, in order. */
  calls: string[];
}

async function runCommand(world: ImportWorld, args: readonly string[], shop: Partial<ImportShop> = {}): Promise<Run> {
  const calls: string[] = [];
  const command = importCommand(async () => ({
    ...world.ports(),
    settings: { current: async () => ({ currencies: ['GBP', 'EUR'], countries: ['GB'] }) },
    source: fileSource,
    hostProjectors: (signal) =>
      new Promise((resolve) => {
        calls.push('host');
        signal.addEventListener('abort', () => resolve(void calls.push('unhost')));
      }),
    caughtUp: async () => void calls.push('caught up'),
    close: async () => void calls.push('close'),
    ...shop,
  }));
  const lines: string[] = [];
  const { log } = console;
  console.log = (line: string) => void lines.push(line);
  try {
    await command.parseAsync(['online-retail', ...args], { from: 'user' });
  } finally {
    console.log = log;
  }
  return { out: lines.join('\n'), calls };
}

describe('commerce import online-retail', () => {
  it('ends when the read models show everything, and reports the result', async () => {
    const { out, calls } = await runCommand(createImportWorld(), [FIXTURE, '--json']);
    const { seconds, commits, commitsPerSecond, ...counts } = JSON.parse(out);
    expect(counts).to.deep.equal(FIXTURE_COUNTS);
    expect(commits).to.be.above(5);
    expect(seconds).to.be.a('number');
    expect(commitsPerSecond).to.be.a('number');
    expect(calls).to.deep.equal(['host', 'caught up', 'unhost', 'close']);
  });

  it('makes no commit the second time', async () => {
    const world = createImportWorld();
    await runCommand(world, [FIXTURE, '--json']);
    expect(JSON.parse((await runCommand(world, [FIXTURE, '--json'])).out)).to.include({
      orders: FIXTURE_COUNTS.orders,
      commits: 0,
    });
  });

  it('prints a table for people, and imports only the first invoices', async () => {
    const { out } = await runCommand(createImportWorld(), [FIXTURE, '--limit', '1']);
    expect(out).to.match(/orders\s+│\s+1 │/);
    expect(out).to.match(/goods\s+│\s+£40\.74 │/);
  });

  it('opens no shop for a broken file', async () => {
    let opened = false;
    const command = importCommand(async () => {
      opened = true;
      throw new Error('opened');
    });
    const error = await command.parseAsync(['online-retail', '/'], { from: 'user' }).catch((reason) => reason);
    expect(error.message).to.include('is a directory');
    expect(opened).to.equal(false);
  });

  it('fails when the projectors do, and closes the shop', async () => {
    const calls: string[] = [];
    const failing: Partial<ImportShop> = {
      hostProjectors: () => Promise.reject(new Error('no projectors')),
      close: async () => void calls.push('close'),
    };
    const error = await runCommand(createImportWorld(), [FIXTURE], failing).catch((reason) => reason);
    expect(error.message).to.equal('no projectors');
    expect(calls).to.deep.equal(['close']);
  });
});
