// What goes wrong, and where: before or after any append and any call of the provider.
import fc from 'fast-check';
import { Unavailable } from '../../domain/kernel/errors.js';
import type { Life, Turns } from './turns.js';

const FAULTS = [
  /** The worker dies, before or behind it. */
  'crash before',
  'crash after',
  /** An error comes back: nothing was done, it was done, or it will be done later. */
  'throttled',
  'reply lost',
  'late',
  /** It is sent twice. */
  'twice',
  /** Somebody else was faster; an append is told so, a call is turned away. */
  'conflict',
] as const;

/** `at`: how many appends and calls of the history come before it. */
export interface Fault {
  at: number;
  kind: (typeof FAULTS)[number];
}

export function faultsWithin(effects: number, maxLength: number): fc.Arbitrary<Fault[]> {
  return fc.array(fc.record({ at: fc.nat(effects), kind: fc.constantFrom(...FAULTS) }), { maxLength });
}

/** Somebody who can die; what they were about to do stays undone. */
export interface Mortal extends Life {
  die(): void;
}

export interface Effects {
  /** Does something that lasts, as well as the plan lets it. `lost`: what it answers to whom somebody else was faster. */
  perform<T>(worker: Mortal, act: () => Promise<T>, lost?: T): Promise<T>;
  /** From now on nothing goes wrong. */
  calm(): void;
}

/** `onLate`: given what still goes on though nobody waits for it. */
export function createEffects(
  faults: readonly Fault[],
  turns: Turns,
  onLate: (work: Promise<unknown>) => void,
): Effects {
  const plan = new Map(faults.map(({ at, kind }) => [at, kind]));
  let count = 0;

  async function perform<T>(worker: Mortal, act: () => Promise<T>, lost?: T): Promise<T> {
    await turns.take(worker);
    const fault = plan.get(count++);
    if (fault === 'crash before') return die(worker);
    if (fault === 'throttled') throw new Unavailable('engine', 'throttled by the test');
    if (fault === 'conflict') {
      if (lost !== undefined) return lost;
      throw new Unavailable('engine', 'turned away by the test');
    }
    if (fault === 'late') {
      onLate(
        turns
          .take()
          .then(act)
          .catch(() => {}),
      );
      throw new Unavailable('engine', 'timed out by the test');
    }
    if (fault === 'twice') {
      await act();
      await turns.take(worker);
    }
    const result = await act();
    await turns.take(worker);
    if (fault === 'crash after') return die(worker);
    if (fault === 'reply lost') throw new Unavailable('engine', 'the reply was lost by the test');
    return result;
  }

  return {
    perform,
    calm: () => plan.clear(),
  };
}

function die(worker: Mortal): Promise<never> {
  worker.die();
  return new Promise(() => {});
}
