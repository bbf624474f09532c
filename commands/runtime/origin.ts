// The actor and the request on whose behalf a process acts.
import type { Actor } from '../../domain/kernel/event.js';

export interface Origin {
  correlationId: string;
  actor: Actor;
}

/** The actor of commands on the command line that name no member of staff. */
export const OPERATOR = { type: 'process', id: 'command-line' } as const satisfies Actor;
