// Ids of the commands and resources of a request: derived ids if the request has a key and can be repeated, otherwise random ids.
import type { Clock } from '../../domain/kernel/clock.js';
import type { CommandMeta, ExpectedVersion } from '../../domain/kernel/command.js';
import type { Caller } from '../../domain/kernel/endpoint.js';
import { defined } from '../../domain/kernel/json.js';
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
  /** Set for keyed requests: the seed of the derived ids, and the time of the first attempt. */
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
      ...defined({ expectedVersion }),
    }),
    newId: (prefix) => `${prefix}_${id('thing', prefix, String(made++))}`,
  };
}
