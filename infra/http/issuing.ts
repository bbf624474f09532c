// Ids of the commands and things that a request makes: derived where the request can be repeated, random where it cannot.
import type { Clock } from '../../domain/kernel/clock.js';
import type { CommandMeta, ExpectedVersion } from '../../domain/kernel/command.js';
import type { Caller } from '../../domain/kernel/endpoint.js';
import { derivedId, randomId } from '../ids.js';
import { actorOf } from './caller.js';

export interface Issuer {
  command(step?: string): CommandMeta;
  newId(prefix: string): string;
}

export interface Issue {
  caller: Caller;
  requestId: string;
  clock: Clock;
  expectedVersion: ExpectedVersion | undefined;
  /** Of a keyed request: what its ids derive from, and when it was first tried. */
  keyed?: { seed: string; issuedAt: number };
}

export function issuerOf({ caller, requestId, clock, expectedVersion, keyed }: Issue): Issuer {
  let made = 0;
  const id = (...parts: string[]) => (keyed ? derivedId(keyed.seed, ...parts) : randomId(clock()));
  return {
    command: (step = '') => ({
      id: id('command', step),
      issuedAt: keyed?.issuedAt ?? clock(),
      correlationId: requestId,
      actor: actorOf(caller),
      ...(expectedVersion !== undefined && { expectedVersion }),
    }),
    newId: (prefix) => `${prefix}_${id('thing', prefix, String(made++))}`,
  };
}
