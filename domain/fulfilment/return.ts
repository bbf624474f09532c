// A return: requested → approved → received, or declined. The order decides which units come back and what they are worth.
import { type Decider, existing } from '../kernel/decider.js';
import type { Personal } from '../kernel/personal.js';
import { type Rejection, reject } from '../kernel/rejection.js';
import type { AnnouncedUnits, LineUnits, ReturnedUnits } from '../order/events.js';
import { type ReturnEvent, returnEvents } from './events.js';

export type ReturnCommand =
  | ({ type: 'RequestReturn'; returnId: string; orderId: string; customerId: string } & AnnouncedUnits)
  | { type: 'ApproveReturn' }
  | { type: 'DeclineReturn'; reason: Personal<string> }
  /** The order has taken the units back. */
  | { type: 'RecordReceived'; lines: ReturnedUnits[]; location: string; amount: number };

export const RETURN_STATUSES = ['requested', 'approved', 'declined', 'received'] as const;

export interface Return {
  returnId: string;
  orderId: string;
  customerId: string;
  status: (typeof RETURN_STATUSES)[number];
  lines: readonly LineUnits[];
  /** One for each entry of `lines`. */
  reasons: AnnouncedUnits['reasons'];
  declineReason?: Personal<string>;
  /** The units that came back, where they arrived, and the refund for them, in minor units of the order's currency. */
  received?: { lines: readonly ReturnedUnits[]; location: string; amount: number };
}

export const returns: Decider<ReturnCommand, Return | null, ReturnEvent> = {
  category: 'return',
  events: returnEvents,
  initialState: null,
  decide,
  evolve,
};

function decide(command: ReturnCommand, state: Return | null): readonly ReturnEvent[] | Rejection {
  if (command.type === 'RequestReturn') {
    const { type, ...data } = command;
    return state ? [] : [{ type: 'ReturnRequested', data }];
  }
  if (!state) return reject('not_found', 'There is no such return.');
  const { returnId, orderId, status } = state;
  const data = { returnId, orderId };
  const refuse = (what: string) => reject('conflict', `${returnId} is ${status}; it cannot be ${what}.`);
  switch (command.type) {
    case 'ApproveReturn':
      if (status === 'approved' || status === 'received') return [];
      return status === 'requested' ? [{ type: 'ReturnApproved', data }] : refuse('approved');
    case 'DeclineReturn':
      if (status === 'declined') return [];
      if (status !== 'requested') return refuse('declined');
      return [{ type: 'ReturnDeclined', data: { ...data, reason: command.reason } }];
    case 'RecordReceived': {
      const { lines, location, amount } = command;
      if (status === 'received') return [];
      return status === 'approved'
        ? [{ type: 'ReturnReceived', data: { ...data, lines, location, amount } }]
        : refuse('received; approve it first');
    }
  }
}

function evolve(state: Return | null, { type, data }: ReturnEvent): Return {
  if (type === 'ReturnRequested') return { ...data, status: 'requested' };
  const known = existing(state, type);
  switch (type) {
    case 'ReturnApproved':
      return { ...known, status: 'approved' };
    case 'ReturnDeclined':
      return { ...known, status: 'declined', declineReason: data.reason };
    case 'ReturnReceived':
      return {
        ...known,
        status: 'received',
        received: { lines: data.lines, location: data.location, amount: data.amount },
      };
  }
}
