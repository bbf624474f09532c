// Tests of deciders read as sentences: given([…]).when(command).then([…]). The kit also checks that events fit their schemas, and
// that states are JSON values, because the log and the snapshots keep nothing else.
import type { Decider } from '../../domain/kernel/decider.js';
import { type DomainEvent, eventTypesOf } from '../../domain/kernel/event.js';
import { canonicalJson } from '../../domain/kernel/json.js';
import { isRejection, type RejectionCode, type RejectionFacts } from '../../domain/kernel/rejection.js';

/** Time of the log's clock, in ms, at which everything happens unless a test sets another. */
export const TEST_NOW = Date.UTC(2026, 0, 1);

/** The detail of a rejection: words with single spaces, without missing values. */
const SENTENCE = /^(?!.*(\b(undefined|null|NaN)\b| [.,:;]))\S+( \S+)+(?<=\w)\.$/;

/** A list with at least one event, as literals and spreads make it. */
type Some<E> = readonly [E, ...E[]] | readonly [...E[], E];

interface Given<C, S, E> {
  when(
    command: C,
    now?: number,
  ): {
    then(expected: readonly E[]): void;
    thenRejected<R extends RejectionCode>(code: R, facts?: RejectionFacts[R]): void;
  };
  state: S;
}

interface Kit<C, S, E> {
  /** The history as the log contains it, committed at `at`. */
  given(history: Some<E>, at?: number): Given<C, NonNullable<S>, E>;
  given(history: readonly E[], at?: number): Given<C, S, E>;
}

export function decider<C, S, E extends DomainEvent>(subject: Decider<C, S, E>): Kit<C, S, E> {
  return {
    given(history: readonly E[], at = TEST_NOW): Given<C, NonNullable<S>, E> {
      const before = fold(subject, subject.initialState, history, at);
      return {
        when(command, now = at) {
          const decision = subject.decide(command, before, now);
          if (before === null && !isRejection(decision) && decision.length === 0) {
            throw new Error('The command was accepted, but there is no state.');
          }
          return {
            // biome-ignore lint/suspicious/noThenProperty: the sentence reads given, when, then; nobody awaits it.
            then(expected) {
              if (isRejection(decision)) throw new Error(`Rejected as ${decision.rejected}: ${decision.detail}`);
              expectSame(decision, expected, 'other events than expected');
              fold(subject, before, decision, now);
            },
            thenRejected(code, facts) {
              if (!isRejection(decision)) throw different('not rejected', decision, code);
              expectSame(
                { code: decision.rejected, facts: decision.facts },
                { code, facts: facts ?? {} },
                'another rejection',
              );
              if (!SENTENCE.test(decision.detail))
                throw different('no sentence', decision.detail, 'words and a full stop');
            },
          };
        },
        state: before as NonNullable<S>,
      };
    },
  };
}

/** One example of every command of a decider, each with a history in which it has an effect, and the time of the command. */
export type CommandExamples<C extends { type: string }, E> = {
  [T in C['type']]: { given: readonly E[]; when: Extract<C, { type: T }>; now?: number };
};

/** The standard test of every decider: a repeated command changes nothing. */
export function issuedTwiceChangesNothing<C extends { type: string }, S, E extends DomainEvent>(
  subject: Decider<C, S, E>,
  examples: CommandExamples<C, E>,
): void {
  for (const { given, when, now = TEST_NOW } of Object.values<{ given: readonly E[]; when: C; now?: number }>(
    examples,
  )) {
    const before = fold(subject, subject.initialState, given, TEST_NOW);
    const first = subject.decide(when, before, now);
    if (isRejection(first) || first.length === 0) throw different(`${when.type} had no effect`, first, 'events');
    const again = subject.decide(when, fold(subject, before, first, now), now);
    expectSame(again, [], `${when.type} changed something when it was issued again`);
  }
}

/** The state after these events. Each event is checked against its schema. */
export function fold<S, E extends DomainEvent>(
  { events, evolve }: Pick<Decider<never, S, E>, 'events' | 'evolve'>,
  from: S,
  history: readonly E[],
  at: number,
): S {
  const catalogue = eventTypesOf(events);
  return history.reduce((state, event) => {
    catalogue.check(event);
    if (!isWhole(event)) throw different('an event with a member that is undefined', event, 'values');
    const next = evolve(state, event, at);
    if (!isJson(next)) throw different('a state that JSON does not keep', next, 'a JSON value');
    return next;
  }, from);
}

/** Undefined members count as missing. */
function isJson(value: unknown): boolean {
  if (typeof value === 'number') return Number.isFinite(value);
  if (typeof value !== 'object' || value === null)
    return ['string', 'boolean', 'undefined', 'object'].includes(typeof value);
  if (Array.isArray(value)) return value.every((member) => member !== undefined && isJson(member));
  return Object.getPrototypeOf(value) === Object.prototype && Object.values(value).every(isJson);
}

/** After storage, an undefined member is the same as a missing one. So events must not contain undefined members. */
function isWhole(value: unknown): boolean {
  return typeof value === 'object' && value !== null ? Object.values(value).every(isWhole) : value !== undefined;
}

function expectSame(actual: unknown, expected: unknown, what: string): void {
  if (canonicalJson(actual) !== canonicalJson(expected)) throw different(what, actual, expected);
}

/** Test runners show the difference between `actual` and `expected`. */
function different(what: string, actual: unknown, expected: unknown): Error {
  return Object.assign(new Error(`Got ${what}.`), { actual, expected, showDiff: true });
}
