// The whole shop in random histories. The histories are always the same, so that changes are comparable. SOAK=10000 plays that
// many new ones. SEED and REPLAY, which a failure prints as `seed` and `path`, repeat one history.
import fc from 'fast-check';
import { everyOr } from '../every-case.js';
import { type History, histories, playInMemory } from './history.js';

/** As many as fit into a run that people wait for, or two minutes of a quiet machine. */
const [HISTORIES] = everyOr([2_500], [40]) as [number];
const SEED_OF_EVERY_DAY = 2026;
const TIMEOUT_MS = 15 * 60_000;
const PROGRESS_EVERY = 500;

const { SOAK, SEED, REPLAY } = process.env;

describe('The shop', () => {
  it('keeps its promises whatever happens to it', async () => {
    let played = 0;
    const play = async (history: History) => {
      await playInMemory(history);
      if (SOAK && ++played % PROGRESS_EVERY === 0) console.error(`      ${played} histories`);
    };
    await fc.assert(fc.asyncProperty(histories(), play), {
      numRuns: Number(SOAK ?? HISTORIES),
      ...(SEED || !SOAK ? { seed: Number(SEED ?? SEED_OF_EVERY_DAY) } : {}),
      ...(REPLAY && { path: REPLAY, endOnFailure: true }),
    });
  }).timeout(SOAK ? 0 : TIMEOUT_MS);
});
