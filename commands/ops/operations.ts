// What operators do about work that stands still. Each act is recorded with its actor and reason before it takes effect, so any
// process may do it, at once or again.
import type { CommandMeta } from '../../domain/kernel/command.js';
import { orThrow, Problem } from '../../domain/kernel/errors.js';
import { existing, siblingId, streamOf } from '../../domain/kernel/id.js';
import { defined } from '../../domain/kernel/json.js';
import type { PersonalData } from '../../domain/kernel/personal.js';
import { OPS, type Ops, type OpsCommand, ops, type Skip } from '../../domain/ops/ops.js';
import type { Quarantine, Quarantined } from '../../domain/ops/quarantine.js';
import { order } from '../../domain/order/order.js';
import type { RecordedOutcome } from '../../domain/payment/events.js';
import type { Payment } from '../../domain/payment/ledger.js';
import { payment } from '../../domain/payment/payment.js';
import type { CheckoutProcess } from '../checkout/process.js';
import type { Settlement } from '../order/settlement.js';
import type { CommandRunner, Outcome } from '../runtime/command-runner.js';

export interface Operations {
  /** These throw `not_found` if there is nothing of that name. */
  entryOf(id: string): Promise<Quarantined>;
  /** What is in quarantine under this id, or was until it was skipped. */
  commitOf(skipId: string): Promise<Skip | Quarantined>;
  skipOf(skipId: string): Promise<Skip>;
  requireTarget(target: string): void;
  paymentOf(paymentId: string): Promise<Payment>;
  /** Returns the entry that is left, if the commit fails again. Throws `not_found`. */
  retry(id: string, reason: string | undefined, meta: CommandMeta): Promise<Retried>;
  /** Skips the commit that is in quarantine under this id. Throws `not_found`. */
  skip(id: string, reason: string, meta: CommandMeta): Promise<Skip>;
  endSkip(skipId: string, reason: string, meta: CommandMeta): Promise<Skip>;
  /** The target is a projection, or `agenda`. Throws `not_found` for anything else. */
  pause(target: string, reason: string, meta: CommandMeta): Promise<Ops>;
  resume(target: string, reason: string | undefined, meta: CommandMeta): Promise<Ops>;
  /** Records what became of an operation that the provider does not report, and goes on with what waited for it. */
  resolvePayment(paymentId: string, resolution: Resolution, meta: CommandMeta): Promise<Outcome<Payment>>;
}

export interface Retried {
  entry: Quarantined;
  left?: Quarantined;
}

export interface Resolution {
  operationId: string;
  outcome: RecordedOutcome;
  providerRef?: string | undefined;
  reason: string;
}

export interface OperationsDeps {
  runner: CommandRunner;
  quarantine: Quarantine;
  /** What can be paused: the names of the projections, and `agenda`. */
  targets: readonly string[];
  personal: Pick<PersonalData, 'sealFor'>;
  checkout: Pick<CheckoutProcess, 'resume'>;
  settlement: Pick<Settlement, 'attempt'>;
}

export function createOperations(deps: OperationsDeps): Operations {
  const { runner, quarantine, targets, personal, checkout, settlement } = deps;

  async function tell(command: OpsCommand, meta: CommandMeta): Promise<Ops> {
    return orThrow(await runner.execute(ops, OPS, command, meta)).state;
  }

  async function entryOf(id: string): Promise<Quarantined> {
    return existing(
      (await quarantine.list()).find((entry) => entry.id === id),
      `${id} in quarantine`,
    );
  }

  /** A repeat finds the skip, but no entry in quarantine any more. */
  async function commitOf(skipId: string): Promise<Skip | Quarantined> {
    return (await knownSkip(skipId)) ?? entryOf(skipId);
  }

  async function knownSkip(skipId: string): Promise<Skip | undefined> {
    return (await runner.load(ops, OPS)).state.skips.find((skip) => skip.skipId === skipId);
  }

  async function skipOf(skipId: string): Promise<Skip> {
    return existing(await knownSkip(skipId), `${skipId} among the skipped commits`);
  }

  function requireTarget(target: string): void {
    if (!targets.includes(target))
      throw new Problem('not_found', `There is no ${target}; there are ${targets.join(', ')}.`);
  }

  async function decide(command: OpsCommand & { target: string }, meta: CommandMeta): Promise<Ops> {
    requireTarget(command.target);
    const decided = await tell(command, meta);
    await quarantine.release();
    return decided;
  }

  return {
    entryOf,
    commitOf,
    skipOf,
    requireTarget,

    async paymentOf(paymentId) {
      return existing((await runner.load(payment, streamOf(paymentId))).state, paymentId);
    },

    async retry(id, reason, meta) {
      const entry = await entryOf(id);
      const { projection, stream, commitNo } = entry;
      const commit = { projection, stream, commitNo, ...defined({ reason }) };
      await tell({ type: 'RetryQuarantine', retryId: meta.id, ...commit }, meta);
      const left = await quarantine.retry(entry);
      return { entry, ...defined({ left }) };
    },

    async skip(skipId, reason, meta) {
      const { projection, stream, commitNo } = await commitOf(skipId);
      const skip = { skipId, projection, stream, commitNo };
      await tell({ type: 'SkipCommit', ...skip, reason }, meta);
      await quarantine.release();
      return skip;
    },

    async endSkip(skipId, reason, meta) {
      const skip = await skipOf(skipId);
      await tell({ type: 'EndSkip', skipId, reason }, meta);
      await quarantine.release();
      return skip;
    },

    pause: (target, reason, meta) => decide({ type: 'PauseWork', target, reason }, meta),

    resume: (target, reason, meta) => decide({ type: 'ResumeWork', target, ...defined({ reason }) }, meta),

    async resolvePayment(paymentId, { operationId, outcome, reason, providerRef }, meta) {
      const orderId = siblingId('order', paymentId);
      const stream = streamOf(paymentId);
      const { state: ordered } = await runner.load(order, streamOf(orderId));
      const sealed = await personal.sealFor(ordered?.customerId ?? paymentId, `${stream}/reason`, reason);
      const statement = { operationId, outcome, reason: sealed, ...defined({ providerRef }) };
      const resolved = orThrow(await runner.execute(payment, stream, { type: 'ResolveOperation', ...statement }, meta));
      // Both are on the agenda, too.
      await checkout.resume(orderId).catch(() => {});
      await settlement.attempt(orderId, { correlationId: meta.correlationId, actor: meta.actor });
      return resolved;
    },
  };
}
