// The shop as a whole, played in thousands of random histories; SOAK=10000 plays as many.
import fc from 'fast-check';
import { histories, playInMemory } from './history.js';

/** As many as fit two minutes of two quiet cores. */
const HISTORIES = 1_000;

const soak = Number(process.env.SOAK ?? 0);

describe('The shop', () => {
  it('keeps its promises whatever happens to it', async () => {
    await fc.assert(
      fc.asyncProperty(histories(), (history) => playInMemory(history)),
      { numRuns: soak || HISTORIES },
    );
  }).timeout(0);
});
