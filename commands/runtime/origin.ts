// Who asked for what a process does, and in which request.
import type { Actor } from '../../domain/kernel/event.js';

export interface Origin {
  correlationId: string;
  actor: Actor;
}
