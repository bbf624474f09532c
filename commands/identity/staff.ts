// Staff administration, for the operator of the program on its machine.
import { randomUUID } from 'node:crypto';
import type { Clock } from '../../domain/kernel/clock.js';
import type { Caller } from '../../domain/kernel/endpoint.js';
import { orThrow, Problem } from '../../domain/kernel/errors.js';
import { isForgotten, type PersonalData } from '../../domain/kernel/personal.js';
import type { StaffRole } from '../../domain/kernel/role.js';
import { isRemoved, type Member, memberOf, STAFF, type StaffCommand, staff } from '../../domain/staff/staff.js';
import type { CommandRunner } from '../runtime/command-runner.js';
import { OPERATOR } from '../runtime/origin.js';

export interface StaffView {
  id: string;
  /** Absent once the person is forgotten. */
  name?: string;
  role: StaffRole;
  status: 'active' | 'removed';
  /** RFC 3339. */
  addedAt: string;
  removedAt?: string;
}

export interface Staff {
  add(name: string, role: StaffRole): Promise<StaffView>;
  changeRole(staffId: string, role: StaffRole): Promise<StaffView>;
  remove(staffId: string): Promise<StaffView>;
  /** Oldest first, including removed members. */
  list(): Promise<StaffView[]>;
  /** The caller that a member acts as. Throws `not_found`, or `conflict` for a removed member. */
  caller(staffId: string): Promise<Caller>;
  /** The member that stands for a role if no member is named. It is added if necessary. */
  ofRole(role: StaffRole): Promise<Caller>;
}

export interface StaffDeps {
  runner: CommandRunner;
  personal: Pick<PersonalData, 'open'>;
  clock: Clock;
  newId(): string;
}

export function createStaff({ runner, personal, clock, newId }: StaffDeps): Staff {
  async function tell(command: StaffCommand): Promise<Member> {
    const id = randomUUID();
    const meta = { id, issuedAt: clock(), correlationId: id, actor: OPERATOR } as const;
    const { state } = orThrow(await runner.execute(staff, STAFF, command, meta));
    return known(state, command.staffId);
  }

  async function viewOf({ staffId: id, name: sealed, role, addedAt, removedAt }: Member): Promise<StaffView> {
    const view: StaffView = { id, role, status: 'active', addedAt: new Date(addedAt).toISOString() };
    const name = await personal.open(sealed);
    if (!isForgotten(name)) view.name = name;
    if (removedAt === undefined) return view;
    return { ...view, status: 'removed', removedAt: new Date(removedAt).toISOString() };
  }

  return {
    add: async (name, role) => viewOf(await tell({ type: 'AddStaff', staffId: newId(), name, role })),
    changeRole: async (staffId, role) => viewOf(await tell({ type: 'ChangeStaffRole', staffId, role })),
    remove: async (staffId) => viewOf(await tell({ type: 'RemoveStaff', staffId })),
    list: async () => Promise.all((await runner.load(staff, STAFF)).state.map(viewOf)),
    async caller(staffId) {
      const member = known((await runner.load(staff, STAFF)).state, staffId);
      if (isRemoved(member)) throw new Problem('conflict', `${staffId} was removed from the staff.`);
      return { role: member.role, id: staffId };
    },
    async ofRole(role) {
      const { staffId } = await tell({ type: 'AddStaff', staffId: `staff_${role}`, name: `Anybody (${role})`, role });
      return { role, id: staffId };
    },
  };
}

function known(members: readonly Member[], staffId: string): Member {
  const member = memberOf(members, staffId);
  if (member) return member;
  throw new Problem('not_found', `There is no member of staff ${staffId}.`);
}
