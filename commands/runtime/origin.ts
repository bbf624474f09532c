// The actor and the request on whose behalf a process acts.
import type { Actor } from '../../domain/kernel/event.js';

export interface Origin {
  correlationId: string;
  actor: Actor;
}
