// Injected faults, before or after any append and any provider call.
import fc from 'fast-check';
import { Unavailable } from '../../domain/kernel/errors.js';
import type { Life, Turns } from './turns.js';

const FAULTS = [
  /** The worker dies, before or after it. */
  'crash before',
  'crash after',
  /** The call fails: nothing was done, or it was done, or it will be done later. */
  'throttled',
  'reply lost',
  'late',
  /** The request is sent twice. */
  'twice',
  /** Another writer was faster: an append conflicts, and a call is rejected. */
  'conflict',
] as const;

/** `at`: the number of appends and calls before it in the history. */
export interface Fault {
  at: number;
  kind: (typeof FAULTS)[number];
}

export function faultsWithin(effects: number, maxLength: number): fc.Arbitrary<Fault[]> {
  return fc.array(fc.record({ at: fc.nat(effects), kind: fc.constantFrom(...FAULTS) }), { maxLength });
}

/** A worker that can die. Its pending work stays undone. */
export interface Mortal extends Life {
  die(): void;
}

export interface Effects {
  /** Executes a lasting effect, subject to the planned faults. `lost`: the result if another writer was faster. */
  perform<T>(worker: Mortal, act: () => Promise<T>, lost?: T): Promise<T>;
  /** No faults from now on. */
  calm(): void;
}

/** `onLate`: gets work that continues although nobody waits for it. */
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
