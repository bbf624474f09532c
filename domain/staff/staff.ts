// The staff of the shop: the people whose tokens have a role other than `customer`, and who are the actors of their commands.
import type { Decider } from '../kernel/decider.js';
import type { Personal } from '../kernel/personal.js';
import { type Rejection, reject } from '../kernel/rejection.js';
import type { StaffRole } from '../kernel/role.js';
import { streamId } from '../kernel/stream.js';
import { type StaffEvent, staffEvents } from './events.js';

export const STAFF = streamId('staff', 'shop');

/** Most members at a time. Every process keeps all of them in memory. */
export const MAX_STAFF = 1_000;

export type StaffCommand = { staffId: string } & (
  | { type: 'AddStaff'; name: string; role: StaffRole }
  | { type: 'ChangeStaffRole'; role: StaffRole }
  | { type: 'RemoveStaff' }
);

export interface Member {
  staffId: string;
  name: Personal<string>;
  role: StaffRole;
  /** Times in ms of the log's clock. */
  addedAt: number;
  /** Events name a removed member as their actor, so the member stays on record. */
  removedAt?: number;
}

export const staff: Decider<StaffCommand, readonly Member[], StaffEvent> = {
  category: 'staff',
  events: staffEvents,
  initialState: [],
  decide,
  evolve,
  snapshot: { foldVersion: 1, every: 100 },
};

export function memberOf(members: readonly Member[], staffId: string): Member | undefined {
  return members.find((member) => member.staffId === staffId);
}

export function isRemoved({ removedAt }: Member): boolean {
  return removedAt !== undefined;
}

function decide(command: StaffCommand, members: readonly Member[]): readonly StaffEvent[] | Rejection {
  const { staffId } = command;
  const member = memberOf(members, staffId);
  if (command.type === 'AddStaff') {
    const { name, role } = command;
    if (!member) {
      return members.filter((one) => !isRemoved(one)).length < MAX_STAFF
        ? [{ type: 'StaffAdded', data: { staffId, name, role } }]
        : reject('rule_violated', `A shop has at most ${MAX_STAFF} members of staff; remove those who have left.`);
    }
    if (isRemoved(member)) return removed(staffId);
    return member.role === role ? [] : reject('conflict', `${staffId} has the role ${member.role}, not ${role}.`);
  }
  if (!member) return reject('not_found', `There is no member of staff ${staffId}.`);
  if (command.type === 'RemoveStaff') return isRemoved(member) ? [] : [{ type: 'StaffRemoved', data: { staffId } }];
  if (isRemoved(member)) return removed(staffId);
  const { role } = command;
  return member.role === role ? [] : [{ type: 'StaffRoleChanged', data: { staffId, role } }];
}

/** A removed id cannot be added again, because its old tokens would then work again. */
function removed(staffId: string): Rejection {
  return reject('conflict', `${staffId} was removed from the staff; add the person again with a new id.`);
}

function evolve(members: readonly Member[], event: StaffEvent, at: number): readonly Member[] {
  const { staffId } = event.data;
  const changed = (change: Partial<Member>) =>
    members.map((member) => (member.staffId === staffId ? { ...member, ...change } : member));
  switch (event.type) {
    case 'StaffAdded':
      return [...members, { ...event.data, addedAt: at }];
    case 'StaffRoleChanged':
      return changed({ role: event.data.role });
    case 'StaffRemoved':
      return changed({ removedAt: at });
  }
}
