import { expect } from 'chai';
import { Unavailable } from '../../domain/kernel/errors.js';
import type { ArchiveRound, Archiver, HeldStream } from './archiver.js';
import { EMPTY_ROOT } from './merkle-tree.js';
import { type ArchiveStatus, runArchiver } from './run-archiver.js';

const MISSING: HeldStream = { stream: 'note#a', commitNo: 2, problem: 'it is missing, but commit 3 is there' };
const CHANGED: HeldStream = { stream: 'note#b', commitNo: 1, problem: 'its content does not match its hash' };

describe('The archiver in the background', () => {
  /** Runs rounds with these outcomes, then stops. */
  async function run(rounds: readonly (readonly HeldStream[] | Error | 'hangs')[]) {
    const abort = new AbortController();
    const alarms: string[] = [];
    const messages: string[] = [];
    let next = 0;
    const archiver: Archiver = {
      async run() {
        const outcome = rounds[next++];
        if (next >= rounds.length) abort.abort();
        if (outcome === 'hangs') return new Promise<ArchiveRound>(() => {});
        if (outcome instanceof Error) throw outcome;
        return {
          head: { segments: 0, size: next, root: EMPTY_ROOT, upTo: 0 },
          checkpoint: undefined,
          held: [...(outcome ?? [])],
        };
      },
    };
    const status: ArchiveStatus = {
      show(round) {
        status.last = round;
      },
    };
    const alarm = (...parts: unknown[]) => void alarms.push(parts.join(' '));
    const log = { error: (_: object, message: string) => void messages.push(message) };
    await runArchiver({ archiver, status, alarm, log, everyMs: 0 }, abort.signal);
    return { alarms, messages, rounds: next, status };
  }

  it('goes on after a failure, and shows the last round', async () => {
    const { messages, rounds, status } = await run([[], new Unavailable('S3', 'is away'), [], []]);
    expect(rounds).to.equal(4);
    expect(messages).to.deep.equal(['the log could not be archived; the next round tries again']);
    expect(status.last?.head.size).to.be.above(2);
  });

  it('raises the alarm once for a stream that is held back for two rounds', async () => {
    const { alarms, messages } = await run([[MISSING], [MISSING, CHANGED], [MISSING, CHANGED], [CHANGED], []]);
    expect(alarms).to.deep.equal(['note#a 2 removed', 'note#b 1 modified']);
    expect(messages).to.have.length(2);
  });

  it('raises no alarm for a commit that is only late', async () => {
    expect((await run([[MISSING], [], [MISSING], []])).alarms).to.deep.equal([]);
  });

  it('stops at once while a store hangs', async () => {
    expect((await run([[], 'hangs'])).rounds).to.equal(2);
  });
});
