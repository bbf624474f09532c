// Records in the log who opened whose personal data, before the data is given to them. A subject is recorded once per person,
// purpose and day, so that reading on costs no further write.
import { randomUUID } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import type { Clock } from '../../domain/kernel/clock.js';
import { orThrow } from '../../domain/kernel/errors.js';
import type { Actor } from '../../domain/kernel/event.js';
import { openings, openingsOf } from '../../domain/openings/openings.js';
import type { CommandRunner } from '../runtime/command-runner.js';

/** About 100 bytes each. A record that was dropped costs a read of the stream when the subject is opened again. */
const REMEMBERED_OPENINGS = 50_000;

/** A person who reads personal data. */
export interface Reader {
  actor: Actor;
  /** The id of the request or of the command, as the correlation id of events. */
  requestId: string;
  /** What the data is opened for: an endpoint such as `GET /v1/orders/{id}`, or a command such as `replay --open`. */
  purpose: string;
}

export interface Openings {
  /** Resolves once the log has the record. Throws `Unavailable`; then the data must not be given away. */
  record(reader: Reader, subjects: Iterable<string>): Promise<void>;
}

export interface OpeningsDeps {
  runner: Pick<CommandRunner, 'execute'>;
  clock: Clock;
}

export function createOpenings({ runner, clock }: OpeningsDeps): Openings {
  const recorded = new LRUCache<string, true>({ max: REMEMBERED_OPENINGS });

  return {
    async record({ actor, requestId, purpose }, opened) {
      const now = clock();
      const stream = openingsOf(actor, new Date(now).toISOString().slice(0, 10));
      const keyOf = (subject: string) => `${stream} ${purpose} ${subject}`;
      const subjects = [...opened].filter((subject) => !recorded.get(keyOf(subject)));
      if (subjects.length === 0) return;
      const meta = { id: randomUUID(), issuedAt: now, correlationId: requestId, actor };
      orThrow(await runner.execute(openings, stream, { type: 'RecordOpening', purpose, subjects }, meta));
      for (const subject of subjects) recorded.set(keyOf(subject), true);
    },
  };
}
