// Whether staff whom a token proves still work here, and in which role: as the staff's stream says, read once for all who
// ask within a short time.
import type { Clock } from '../../domain/kernel/clock.js';
import type { Caller } from '../../domain/kernel/endpoint.js';
import { isRemoved, type Member, memberOf, STAFF, staff } from '../../domain/staff/staff.js';
import { createBriefMemory } from '../runtime/brief-memory.js';
import type { CommandRunner } from '../runtime/command-runner.js';
import { STAFF_TTL_MS } from './limits.js';

export interface CurrentStaff {
  /**
   * The caller with the role that they have now; undefined for staff who were removed, or whom nobody has added. If the event
   * store does not answer, those who are known from before are admitted as they were.
   */
  admit(caller: Caller): Promise<Caller | undefined>;
}

export interface CurrentStaffDeps {
  runner: Pick<CommandRunner, 'load'>;
  clock: Clock;
}

export function createCurrentStaff({ runner, clock }: CurrentStaffDeps): CurrentStaff {
  const load = async () => (await runner.load(staff, STAFF)).state;
  const memory = createBriefMemory({ load, ttlMs: STAFF_TTL_MS, clock });

  function present(members: readonly Member[], id: string): Member | undefined {
    const member = memberOf(members, id);
    return member && !isRemoved(member) ? member : undefined;
  }

  return {
    async admit(caller) {
      if (caller.role === 'customer' || caller.role === 'public') return caller;
      // Somebody who was added a moment ago is looked for again.
      const member = present(await memory.lately(), caller.id) ?? present(await load(), caller.id);
      return member && { ...caller, role: member.role };
    },
  };
}
