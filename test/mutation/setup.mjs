// Loaded before the tests of a mutant: properties search for a moment only, from one seed, and do not shrink what they
// find; a mutant is killed by the first counterexample, and is told from the next by the same tests.
import fc from 'fast-check';

const MS_PER_PROPERTY = 500;

fc.configureGlobal({ seed: 1, endOnFailure: true, interruptAfterTimeLimit: MS_PER_PROPERTY });
