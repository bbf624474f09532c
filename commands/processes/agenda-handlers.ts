// How each kind of work on the agenda is done. Command ids derive from what is due, so that doing it twice is once.
import type { Clock } from '../../domain/kernel/clock.js';
import type { CommandMeta } from '../../domain/kernel/command.js';
import { stockItem, stockStream } from '../../domain/stock/stock-item.js';
import type { CommandRunner } from '../runtime/command-runner.js';
import type { AgendaHandlers } from './agenda.js';
import type { CheckoutProcess } from './checkout-process.js';

export interface AgendaHandlersDeps {
  runner: CommandRunner;
  checkout: Pick<CheckoutProcess, 'resume'>;
  clock: Clock;
}

export function createAgendaHandlers({ runner, checkout, clock }: AgendaHandlersDeps): AgendaHandlers {
  function metaOf(id: string): CommandMeta {
    return { id, issuedAt: clock(), correlationId: id, actor: { type: 'process', id: 'agenda' } };
  }

  return {
    checkout: ({ orderId, cartId }) => checkout.resume(orderId, cartId),
    settlement: async () => {},
    payment: async () => {},
    async reservations({ sku, location, expiries }) {
      const key = { sku, location };
      const due = Object.entries(expiries).filter(([, expiresAt]) => expiresAt <= clock());
      for (const [reservationId, expiresAt] of due) {
        const command = { type: 'ExpireReservation', ...key, reservationId } as const;
        await runner.execute(stockItem, stockStream(key), command, metaOf(`${reservationId}/expire/${expiresAt}`));
      }
    },
    transfer: async () => {},
    cart: async () => {},
  };
}
