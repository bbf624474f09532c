// The types of events: what a decider returns, what the log records, and how old versions are read.
import type { z } from 'zod';
import { InvalidEvent } from './errors.js';
import type { StaffRole } from './role.js';

/** A fact in the past tense, as a decider returns it. The log has not recorded it yet. */
export interface DomainEvent<T extends string = string, D = unknown> {
  type: T;
  data: D;
}

export interface Actor {
  type: 'customer' | 'staff' | 'process' | 'import';
  id: string;
  /** For staff: the role in which they acted. */
  role?: StaffRole;
}

/** What the log stores around the data of an event. The key order here is the key order of the stored JSON. */
export interface Envelope {
  /** `<commandId>:<n>`, where n counts the events of that command from 0. */
  id: string;
  schemaVersion: number;
  /** Position of the event in its stream: 1, 2, 3 … */
  version: number;
  /** When the event happened: RFC 3339, UTC, milliseconds. An import states a past time. Order and timers use `at` instead. */
  occurredAt: string;
  commandId: string;
  /** The request that started the chain of commands (`X-Request-Id`). */
  correlationId: string;
  /** The event that caused the command, or the command itself. */
  causationId: string;
  actor: Actor;
}

export type RecordedEvent<E extends DomainEvent = DomainEvent> = E & Envelope;

/** How one type of event is written, read and kept private. */
export interface EventDefinition {
  /** The schema version of new events. */
  version: number;
  /** The data of that version. Personal fields are wrapped in `personal(…)`. */
  data: z.ZodType;
  /** For each older version n: turns its data into that of version n + 1. */
  upcast?: Record<number, (data: never) => unknown>;
  /** The data subject of the event, and the top-level fields that are personal. These are sealed before they are stored. */
  personal?: {
    subject: (data: never) => string;
    fields: readonly string[];
    /**
     * The event is recorded even if the subject was forgotten, because a process must go on. Its personal fields are then sealed
     * with a key that nobody keeps. Without this such an event is refused.
     */
    afterForgetting?: 'recorded';
  };
}

export type EventDefinitions = Record<string, EventDefinition>;

/** The union of events that some definitions describe. */
export type EventOf<T extends EventDefinitions> = {
  [K in keyof T & string]: DomainEvent<K, z.output<T[K]['data']>>;
}[keyof T & string];

/** All types of events. The codec of every event store uses it. */
export interface EventTypes {
  definition(type: string): EventDefinition;
  /** Checks the data of a new event. Throws `InvalidEvent`. */
  check(event: DomainEvent): void;
  /** Turns stored data into data of the current version, and checks it. Throws `InvalidEvent`. */
  read(type: string, schemaVersion: number, data: unknown): unknown;
  /** The same without the check. */
  upcast(type: string, schemaVersion: number, data: unknown): unknown;
}

export function eventTypesOf(...parts: EventDefinitions[]): EventTypes {
  const definitions = new Map<string, EventDefinition>();
  for (const [type, definition] of parts.flatMap((part) => Object.entries(part))) {
    if (definitions.has(type)) throw new InvalidEvent(type, 'is defined twice');
    definitions.set(type, definition);
  }

  function definition(type: string): EventDefinition {
    const found = definitions.get(type);
    if (!found) throw new InvalidEvent(type, 'is not a known type; is this program older than the log?');
    return found;
  }

  function parse(type: string, data: unknown): unknown {
    const result = definition(type).data.safeParse(data);
    if (result.success) return result.data;
    const problems = result.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`);
    throw new InvalidEvent(type, problems.join('; '));
  }

  function upcast(type: string, schemaVersion: number, stored: unknown): unknown {
    const { version, upcast: steps } = definition(type);
    if (schemaVersion > version)
      throw new InvalidEvent(type, `has version ${schemaVersion}, this program knows ${version}`);
    let data = stored;
    for (let from = schemaVersion; from < version; from++) {
      const step = steps?.[from];
      if (!step) throw new InvalidEvent(type, `has no upcast from version ${from}`);
      data = step(data as never);
    }
    return data;
  }

  return {
    definition,
    check: ({ type, data }) => void parse(type, data),
    read: (type, schemaVersion, stored) => parse(type, upcast(type, schemaVersion, stored)),
    upcast,
  };
}
