// A step of a process: commands to aggregates, issued at once, and whether the payment provider is asked behind them.
import type { Decider } from '../kernel/decider.js';
import type { DomainEvent } from '../kernel/event.js';
import type { StreamId } from '../kernel/stream.js';
import type { Payment } from '../payment/ledger.js';
import type { PaymentCommand } from '../payment/payment.js';

/** A command as a process issues it, with the decider of its stream. */
export interface Issued<C = unknown, S = unknown> {
  /**
   * Command id: `<process>/<command>[/<target>]`, the same whoever issues it, where the process is a checkout or an operation
   * of an order; each sends a command to a target once.
   */
  id: string;
  stream: StreamId;
  decider: Decider<C, S, DomainEvent>;
  command: C;
}

/** The commands of one stream are in order; the streams do not depend on each other. */
export type Step = {
  /** Taking it twice changes nothing, however much later: its commands need not be looked for in the past of their streams. */
  repeatable?: true;
  /** Nobody has written to its streams unless somebody has taken the step before. */
  newStreams?: true;
} & (
  | { commands: readonly Issued[]; provider?: never }
  | {
      commands: readonly Issued<PaymentCommand, Payment | null>[];
      /**
       * Behind the commands: `ask` asks the provider whatever `dueCall` of the payment says, `refresh` what it holds,
       * whatever is due.
       */
      provider: { call: 'ask' | 'refresh'; paymentId: string };
    }
);
