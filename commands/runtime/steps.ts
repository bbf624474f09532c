// Takes the steps of processes: issues their commands, and asks the payment provider if the step requires it. Command ids derive
// from process and step, so any number of workers may take one step, at once or again.
import type { Clock, Hlc } from '../../domain/kernel/clock.js';
import type { CommandMeta } from '../../domain/kernel/command.js';
import { defined } from '../../domain/kernel/json.js';
import { isRejection, type Rejection } from '../../domain/kernel/rejection.js';
import type { Loaded } from '../../domain/kernel/states.js';
import type { StreamId } from '../../domain/kernel/stream.js';
import type { Payment } from '../../domain/payment/ledger.js';
import type { Issued, Step } from '../../domain/processes/step.js';
import type { CommandRunner } from './command-runner.js';
import type { Origin } from './origin.js';

/** Metadata that the commands of a process share. */
export interface ProcessContext {
  origin: Origin;
  /** The event that the process follows, and its commit time. */
  cause: { eventId: string; at: Hlc };
  /** When the process was requested, in ms of the log's clock. */
  issuedAt: number;
  /** RFC 3339. Set if the process took place in the past (an import). */
  occurredAt?: string | undefined;
  /** The last commit of each stream that was written or seen. The steps add theirs. */
  seen: Map<StreamId, number>;
}

export interface StepRunner {
  /** If a command is rejected, the provider is not asked. Any other error is thrown once all commands have ended. */
  take(step: Step, context: ProcessContext): Promise<Taken>;
  /** Issues one command and returns its result. */
  issue<S>(issued: Issued<unknown, S>, context: ProcessContext): Promise<Loaded<NonNullable<S>> | Rejection>;
}

export interface Taken {
  rejections: readonly Rejection[];
  /** The ledger, if the provider was asked. */
  payment?: Payment | undefined;
}

export interface StepRunnerDeps {
  clock: Clock;
  runner: Pick<CommandRunner, 'execute'>;
  payments: Record<'ask' | 'refresh', AskProvider>;
}

type AskProvider = (
  paymentId: string,
  asking: { known?: Payment; metaOf: (commandId: string) => CommandMeta },
) => Promise<{ state: Payment | null; seen: Iterable<readonly [StreamId, number]> }>;

export function createStepRunner({ runner, clock, payments }: StepRunnerDeps): StepRunner {
  async function issue<S>(issued: Issued<unknown, S>, context: ProcessContext, meta: Partial<CommandMeta> = {}) {
    const { id, stream, decider, command } = issued;
    const outcome = await runner.execute(decider, stream, command, { ...metaOf(context, id), ...meta });
    if (!isRejection(outcome)) context.seen.set(stream, outcome.position.commitNo);
    return outcome;
  }

  async function issueAll<S>(
    commands: readonly Issued<unknown, S>[],
    context: ProcessContext,
    meta: Partial<CommandMeta>,
  ) {
    const ended = await Promise.allSettled(commands.map((issued) => issue(issued, context, meta)));
    return ended.map((result) => {
      if (result.status === 'rejected') throw result.reason;
      return result.value;
    });
  }

  async function take(step: Step, context: ProcessContext): Promise<Taken> {
    const meta: Partial<CommandMeta> = defined({
      newStream: step.newStreams || undefined,
      issuedAt: step.repeatable ? clock() : undefined,
    });
    if (!step.provider)
      return { rejections: (await issueAll(step.commands, context, meta)).filter((one) => isRejection(one)) };
    const outcomes = await issueAll(step.commands, context, meta);
    const rejections = outcomes.filter((one) => isRejection(one));
    if (rejections.length > 0) return { rejections };
    const { call, paymentId } = step.provider;
    const last = outcomes.at(-1);
    const known = last && !isRejection(last) ? last.state : undefined;
    const asked = await payments[call](paymentId, {
      ...defined({ known }),
      metaOf: (id) => metaOf(context, id),
    });
    for (const [stream, commitNo] of asked.seen) context.seen.set(stream, commitNo);
    return { rejections, payment: asked.state ?? known ?? undefined };
  }

  return { take, issue };
}

/** Metadata of a command that a process issues. */
export function metaOf({ origin, cause, issuedAt, occurredAt }: ProcessContext, id: string): CommandMeta {
  return {
    id,
    issuedAt,
    late: 'search',
    cause,
    ...origin,
    ...defined({ occurredAt }),
  };
}
