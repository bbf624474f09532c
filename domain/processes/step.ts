// A step of a process: commands to aggregates, issued at once, and an optional call to the payment provider after them.
import type { Decider } from '../kernel/decider.js';
import type { DomainEvent } from '../kernel/event.js';
import type { StreamId } from '../kernel/stream.js';
import type { Payment } from '../payment/ledger.js';
import type { PaymentCommand } from '../payment/payment.js';

/** A command as a process issues it, with the decider of its stream. */
export interface Issued<C = unknown, S = unknown> {
  /**
   * Command id: `<process>/<command>[/<target>]`, the same for every worker. The process is a checkout or an operation of an
   * order. Each process sends a command to a target only once.
   */
  id: string;
  stream: StreamId;
  decider: Decider<C, S, DomainEvent>;
  command: C;
}

/** The commands of one stream are in order. Streams do not depend on each other. */
export type Step = {
  /**
   * Taking the step again changes nothing, however much later. So its commands need not be looked up in the history of their
   * streams.
   */
  repeatable?: true;
  /** Its streams are new unless another worker has already taken the step. */
  newStreams?: true;
} & (
  | { commands: readonly Issued[]; provider?: never }
  | {
      commands: readonly Issued<PaymentCommand, Payment | null>[];
      /**
       * Runs after the commands. `ask` makes the call that `dueCall` of the payment names; `refresh` asks for the current state,
       * whatever is due.
       */
      provider: { call: 'ask' | 'refresh'; paymentId: string };
    }
);
