// Proves that the model-based test can fail: each fault planted in the shop must be found. `npm run test:planted` shows after how
// many histories each is found.
import { expect } from 'chai';
import fc from 'fast-check';
import type { CommandRunner } from '../../commands/runtime/command-runner.js';
import type { CommandMeta } from '../../domain/kernel/command.js';
import { START } from '../../domain/kernel/commit.js';
import type { Decider } from '../../domain/kernel/decider.js';
import { orThrow } from '../../domain/kernel/errors.js';
import type { DomainEvent } from '../../domain/kernel/event.js';
import { streamOf } from '../../domain/kernel/id.js';
import { isRejection } from '../../domain/kernel/rejection.js';
import type { StreamId } from '../../domain/kernel/stream.js';
import type { OrderLine } from '../../domain/order/events.js';
import { order } from '../../domain/order/order.js';
import { table } from '../../scripts/table.js';
import { the } from '../the.js';
import { histories, playInMemory } from './history.js';
import type { Plant } from './world.js';

/** Each fault must be found within this many histories. */
const MAX_HISTORIES = 2_000;

const PLANTED: Readonly<Record<string, Plant>> = {
  'stock forgets the applied operations, and repeated commands are not recognised': {
    runner: (runner) => withDecider(withNewIds(runner), 'stock', forgetful),
  },
  'stock is reserved without a check of availability': {
    runner: (runner) => withDecider(runner, 'stock', reckless),
  },
  'a coupon is redeemed without a check of its limits': {
    runner: (runner) => withDecider(runner, 'coupon', generous),
  },
  'a cancellation keeps its stock': { runner: (runner) => skipping(runner, 'ReleaseReservation', isOperation) },
  'a failed checkout does not void the payment': { runner: (runner) => skipping(runner, 'RequestVoid') },
  'a failed checkout keeps its coupons': {
    runner: (runner) => skipping(runner, 'ReleaseRedemption', ({ confirmed }) => !confirmed),
  },
  'a cancelled order keeps its coupons': {
    runner: (runner) => skipping(runner, 'ReleaseRedemption', ({ confirmed }) => confirmed === true),
  },
  'a coupon keeps the id of every order that used it': { runner: (runner) => skipping(runner, 'ConfirmRedemption') },
  'a failed checkout leaves its cart closed': { runner: (runner) => skipping(runner, 'ReopenCart') },
  'a refund is a penny too much': {
    runner: (runner) => changing(runner, 'RequestRefund', ({ amount }) => ({ amount: Number(amount) + 1 })),
  },
  'a dispatch captures the rest as well as its share': {
    runner: (runner) =>
      changing(runner, 'RequestCapture', ({ amount, rest }) => ({ amount: Number(amount) + Number(rest), rest: 0 })),
  },
  'a cart is submitted for a penny more than it showed': {
    runner: (runner) => changing(runner, 'SubmitCart', ({ lines }) => ({ lines: dearer(lines as OrderLine[]) })),
  },
  'a merge loses the last line': {
    runner: (runner) => changing(runner, 'MergeCart', ({ lines }) => ({ lines: (lines as unknown[]).slice(0, -1) })),
  },
  'a merge overlooks the second cart of a guest': { runner: (runner) => blindTo(runner, /^cart#.*\.2$/) },
  'written-off units are restocked': {
    runner: (runner) => changing(runner, 'ReturnStock', () => ({ writtenOff: false })),
  },
  'an operation is settled before its steps are taken': { runner: settlingFirst },
  'every attempt at a capture or refund has a key of its own': {
    provider: (provider) => ({
      ...provider,
      capture: (operation) => provider.capture({ ...operation, key: fresh(operation.key) }),
      refund: (operation) => provider.refund({ ...operation, key: fresh(operation.key) }),
    }),
  },
  'a void does not reach the provider': { provider: (provider) => ({ ...provider, void: async () => {} }) },
  // The end of a reservation's time also continues its checkout.
  'no worker continues the checkout of a dead process': {
    handlers: (handlers) => ({ ...handlers, checkout: async () => {}, reservations: async () => {} }),
  },
  'the units of a confirmed order are not committed': {
    runner: (runner) => skipping(runner, 'CommitReservation', ({ quantity }) => quantity !== undefined),
  },
  'no worker continues the settlement of a dead process': {
    handlers: (handlers) => ({ ...handlers, settlement: async () => {} }),
  },
  'a failed append counts as successful': {
    store: (store) => ({
      ...store,
      append: async (stream, after, commit) => {
        const result = await store.append(stream, after, commit);
        return result.appended ? result : { appended: true, position: after };
      },
    }),
  },
};

const describePlanted = process.env.PLANTED ? describe : describe.skip;

describePlanted('The model-based test detects that', () => {
  const found: { fault: string; histories: number; by: string }[] = [];

  for (const [fault, plant] of Object.entries(PLANTED)) {
    it(fault, async () => {
      const property = fc.asyncProperty(histories(), (history) => playInMemory(history, plant));
      const { failed, numRuns, errorInstance } = await fc.check(property, {
        numRuns: MAX_HISTORIES,
        endOnFailure: true,
      });
      expect(failed, `not found in ${numRuns} histories`).to.equal(true);
      found.push({ fault, histories: numRuns, by: lawIn(errorInstance) });
    }).timeout(0);
  }

  after(() => {
    const head = ['histories', 'fault', 'by'];
    console.log(table({ head, rows: found.map(({ fault, histories, by }) => [histories, fault, by]) }));
  });
});

/** The first broken law. */
function lawIn(error: unknown): string {
  return (
    String((error as Error).message)
      .split('\n')[1]
      ?.trim()
      .slice(0, 110) ?? String(error)
  );
}

type AnyDecider = Decider<unknown, unknown, DomainEvent>;
type Fields = Readonly<Record<string, unknown>>;

/** Replaces the decider of a category. */
function withDecider(runner: CommandRunner, category: string, replace: (decider: AnyDecider) => AnyDecider) {
  const replaced = new Map<unknown, AnyDecider>();
  const instead = (decider: unknown): never => {
    if ((decider as AnyDecider).category !== category) return decider as never;
    const known = replaced.get(decider) ?? replace(decider as AnyDecider);
    replaced.set(decider, known);
    return known as never;
  };
  return {
    ...runner,
    execute: (decider, stream, command, meta) => runner.execute(instead(decider), stream, command as never, meta),
    load: (decider, stream) => runner.load(instead(decider), stream),
  } as CommandRunner;
}

/** Wraps the execution of commands. */
function around(
  runner: CommandRunner,
  type: string,
  act: (
    command: Fields,
    go: (command: Fields) => Promise<unknown>,
    rest: { stream: StreamId; meta: CommandMeta; decider: AnyDecider },
  ) => Promise<unknown>,
): CommandRunner {
  return {
    ...runner,
    execute: (decider, stream, command, meta) => {
      const go = (changed: unknown) => runner.execute(decider, stream, changed as typeof command, meta);
      if ((command as { type: string }).type !== type) return go(command);
      return act(command as Fields, go, { stream, meta, decider: decider as never }) as ReturnType<typeof go>;
    },
  };
}

/** Except a first command, whose caller expects a state. */
function skipping(runner: CommandRunner, type: string, isSkipped: (command: Fields) => boolean = () => true) {
  return around(runner, type, async (command, go, { decider, stream }) => {
    const loaded = await runner.load(decider, stream);
    return isSkipped(command) && loaded.state ? loaded : go(command);
  });
}

function changing(runner: CommandRunner, type: string, change: (command: Fields) => Fields): CommandRunner {
  return around(runner, type, (command, go) => go({ ...command, ...change(command) }));
}

/** Reads of these streams find nothing. */
function blindTo(runner: CommandRunner, streams: RegExp): CommandRunner {
  return {
    ...runner,
    load: (decider, stream, options) =>
      streams.test(stream)
        ? Promise.resolve({ state: decider.initialState, position: START })
        : runner.load(decider, stream, options),
  };
}

/** Takes the last step of a settlement first. */
function settlingFirst(runner: CommandRunner): CommandRunner {
  const settled = (type: string, next: CommandRunner) =>
    around(next, type, async (command, go, { meta }) => {
      const { operationId, reservationId } = command as Record<string, string>;
      if (operationId) {
        const orderId = the(reservationId?.split('/')[0]);
        const settle = { type: 'SettleOperation', operationId } as const;
        orThrow(await runner.execute(order, streamOf(orderId), settle, { ...meta, id: `${operationId}/early` }));
      }
      return go(command);
    });
  return settled('ShipReservation', settled('ReleaseReservation', runner));
}

function withNewIds(runner: CommandRunner): CommandRunner {
  return {
    ...runner,
    execute: (decider, stream, command, meta) =>
      runner.execute(decider, stream, command, { ...meta, id: fresh(meta.id) }),
  };
}

let made = 0;

function fresh(id: string): string {
  return `${id}~${made++}`;
}

function dearer(lines: readonly OrderLine[]): OrderLine[] {
  return lines.map((line) => ({ ...line, unitPrice: line.unitPrice + 1, total: line.total + line.quantity }));
}

function isOperation({ operationId }: Fields): boolean {
  return operationId !== undefined;
}

function forgetful(decider: AnyDecider): AnyDecider {
  return {
    ...decider,
    evolve(state, event, at) {
      const { reservations, ...item } = decider.evolve(state, event, at) as { reservations: Record<string, Fields> };
      const untaken = Object.entries(reservations).map(([id, { taken, ...reservation }]) => {
        const units = Object.values((taken ?? {}) as Record<string, number>).reduce((all, some) => all + some, 0);
        return [id, { ...reservation, quantity: Number(reservation.quantity) - units }];
      });
      return { ...item, acted: [], reservations: Object.fromEntries(untaken) };
    },
  };
}

function reckless(decider: AnyDecider): AnyDecider {
  return {
    ...decider,
    decide(command, state, now) {
      const decision = decider.decide(command, state, now);
      const { type, ...data } = command as { type: string };
      const isShort = isRejection(decision) && decision.rejected === 'out_of_stock';
      return isShort && type === 'ReserveStock' ? [{ type: 'StockReserved', data }] : decision;
    },
  };
}

function generous(decider: AnyDecider): AnyDecider {
  return {
    ...decider,
    decide(command, state, now) {
      const decision = decider.decide(command, state, now);
      const { type, limit, ...data } = command as { type: string; limit?: number };
      const isLimited = isRejection(decision) && decision.rejected === 'rule_violated';
      return isLimited && type === 'RedeemCoupon' ? [{ type: 'CouponRedeemed', data }] : decision;
    },
  };
}
