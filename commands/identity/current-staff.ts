// Checks that the member of staff in a token still works here, and in which role. The staff's stream decides. One read serves all
// callers for a short time.
import type { Clock } from '../../domain/kernel/clock.js';
import type { Caller } from '../../domain/kernel/endpoint.js';
import type { States } from '../../domain/kernel/states.js';
import { isRemoved, memberOf, STAFF, staff } from '../../domain/staff/staff.js';
import { createBriefMemory } from '../runtime/brief-memory.js';
import { STAFF_TTL_MS } from './limits.js';

export interface CurrentStaff {
  /**
   * The caller with their current role. Undefined for staff who were removed or never added. If the event store does not answer,
   * known members are admitted in their last known role.
   */
  admit(caller: Caller): Promise<Caller | undefined>;
}

export interface CurrentStaffDeps {
  runner: States;
  clock: Clock;
}

export function createCurrentStaff({ runner, clock }: CurrentStaffDeps): CurrentStaff {
  const load = async () => (await runner.load(staff, STAFF)).state;
  const memory = createBriefMemory({ load, ttlMs: STAFF_TTL_MS, clock });

  return {
    async admit(caller) {
      if (caller.role === 'customer' || caller.role === 'public') return caller;
      // A member who was added a moment ago may be missing in the cached list, so the stream is read again.
      const member = memberOf(await memory.currentOrLast(), caller.id) ?? memberOf(await load(), caller.id);
      return member && !isRemoved(member) ? { ...caller, role: member.role } : undefined;
    },
  };
}
