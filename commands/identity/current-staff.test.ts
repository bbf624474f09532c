import { expect } from 'chai';
import { orThrow, Unavailable } from '../../domain/kernel/errors.js';
import { STAFF, type StaffCommand, staff } from '../../domain/staff/staff.js';
import { createShop } from '../../test/shop.js';
import type { CommandRunner } from '../runtime/command-runner.js';
import { createCurrentStaff } from './current-staff.js';
import { STAFF_TTL_MS } from './limits.js';

const JO = { role: 'support', id: 'staff_jo' } as const;
const ADD_JO = { type: 'AddStaff', staffId: JO.id, name: 'Jo Smith', role: JO.role } as const;
const CUSTOMER = { role: 'customer', id: 'customer_ada', customerId: 'customer_ada' } as const;

describe('A token of staff', () => {
  function openStaff() {
    let now = Date.UTC(2026, 10, 23);
    let looks = 0;
    let isAway = false;
    const { runner } = createShop({ clock: () => now });
    const load: CommandRunner['load'] = async (...args) => {
      looks++;
      if (isAway) throw new Unavailable('Postgres', 'does not answer');
      return runner.load(...args);
    };
    const current = createCurrentStaff({ runner: { load }, clock: () => now });
    let commands = 0;
    return {
      current,
      looks: () => looks,
      away() {
        isAway = true;
      },
      later(ms: number) {
        now += ms;
      },
      tell(command: StaffCommand) {
        const actor = { type: 'process', id: 'tests' } as const;
        const meta = { id: `staff-${++commands}`, issuedAt: now, correlationId: 'tests', actor };
        return runner.execute(staff, STAFF, command, meta).then(orThrow);
      },
    };
  }

  it('works for members as soon as they are added', async () => {
    const { current, tell } = openStaff();
    expect(await current.admit(JO)).to.equal(undefined);
    await tell(ADD_JO);
    expect(await current.admit(JO)).to.deep.equal(JO);
    expect(await current.admit({ role: 'ops', id: 'staff_al' })).to.equal(undefined);
  });

  it('has its member’s current role, and ends when the member is removed, at the latest when the cache expires', async () => {
    const { current, tell, later } = openStaff();
    await tell(ADD_JO);
    await current.admit(JO);
    await tell({ type: 'ChangeStaffRole', staffId: JO.id, role: 'auditor' });
    later(STAFF_TTL_MS);
    expect(await current.admit(JO)).to.deep.equal({ role: 'auditor', id: JO.id });
    await tell({ type: 'RemoveStaff', staffId: JO.id });
    later(STAFF_TTL_MS);
    expect(await current.admit(JO)).to.equal(undefined);
  });

  it('costs one read of the log in five seconds in all; customers cost none', async () => {
    const { current, tell, later, looks } = openStaff();
    await tell(ADD_JO);
    await tell({ ...ADD_JO, staffId: 'staff_al' });
    for (const ms of [0, 1, STAFF_TTL_MS - 2]) {
      later(ms);
      for (const id of [JO.id, 'staff_al']) expect(await current.admit({ ...JO, id })).to.include({ id });
    }
    expect(await current.admit(CUSTOMER)).to.equal(CUSTOMER);
    expect(looks()).to.equal(1);
    later(1);
    await current.admit(JO);
    expect(looks()).to.equal(2);
  });

  it('works on if the event store does not answer, but not for unknown members', async () => {
    const { current, tell, later, away } = openStaff();
    await tell(ADD_JO);
    await current.admit(JO);
    away();
    later(STAFF_TTL_MS);
    expect(await current.admit(JO)).to.deep.equal(JO);
    const error = await current.admit({ ...JO, id: 'staff_al' }).catch((reason: unknown) => reason);
    expect(error).to.be.instanceOf(Unavailable);
  });
});
