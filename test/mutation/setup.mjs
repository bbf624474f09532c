// Loaded before the tests of a mutant. Properties search only for a moment, from a fixed seed, and do not shrink: the first
// counterexample kills a mutant, and all mutants get the same tests.
import fc from 'fast-check';

const MS_PER_PROPERTY = 500;

fc.configureGlobal({ seed: 1, endOnFailure: true, interruptAfterTimeLimit: MS_PER_PROPERTY });
