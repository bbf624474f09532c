import { expect } from 'chai';
import { decider, issuedTwiceChangesNothing, TEST_NOW } from '../../test/domain/given-when-then.js';
import type { StaffEvent } from './events.js';
import { MAX_STAFF, staff } from './staff.js';

const staffId = 'staff_jo';
const add = { type: 'AddStaff', staffId, name: 'Jo Smith', role: 'support' } as const;
const added = (id = staffId): StaffEvent => {
  return { type: 'StaffAdded', data: { staffId: id, name: 'Jo Smith', role: 'support' } };
};
const change = { type: 'ChangeStaffRole', staffId, role: 'ops' } as const;
const changed: StaffEvent = { type: 'StaffRoleChanged', data: { staffId, role: 'ops' } };
const remove = { type: 'RemoveStaff', staffId } as const;
const removed: StaffEvent = { type: 'StaffRemoved', data: { staffId } };

describe('The staff', () => {
  const { given } = decider(staff);

  it('are added, get another role, and are removed', () => {
    given([]).when(add).then([added()]);
    given([added()]).when(change).then([changed]);
    given([added(), changed]).when(remove).then([removed]);
    expect(given([added(), changed]).state).to.deep.equal([
      { staffId, name: 'Jo Smith', role: 'ops', addedAt: TEST_NOW },
    ]);
  });

  it('stay on record when they are removed, and no other member changes', () => {
    const { state } = given([added('staff_al'), added(), changed, removed]);
    const jo = { staffId, name: 'Jo Smith', role: 'ops', addedAt: TEST_NOW, removedAt: TEST_NOW };
    expect(state).to.deep.equal([{ ...jo, staffId: 'staff_al', role: 'support', removedAt: undefined }, jo].map(whole));
  });

  it('are not added again under the id of a removed member, or with another role', () => {
    given([added(), removed]).when(add).thenRejected('conflict');
    given([added(), removed]).when(change).thenRejected('conflict');
    given([added(), changed]).when(add).thenRejected('conflict');
  });

  it('have to exist to get another role or to be removed', () => {
    given([]).when(change).thenRejected('not_found');
    given([]).when(remove).thenRejected('not_found');
  });

  it('have at most a thousand members at a time', () => {
    const many = Array.from({ length: MAX_STAFF }, (_, n) => added(n === 0 ? 'staff_al' : `staff_${n}`));
    given(many).when(add).thenRejected('rule_violated');
    given([...many, { type: 'StaffRemoved', data: { staffId: 'staff_al' } }])
      .when(add)
      .then([added()]);
  });

  it('are not changed by a command that is issued again', () => {
    issuedTwiceChangesNothing(staff, {
      AddStaff: { given: [], when: add },
      ChangeStaffRole: { given: [added()], when: change },
      RemoveStaff: { given: [added()], when: remove },
    });
  });
});

function whole(member: object): object {
  return JSON.parse(JSON.stringify(member));
}
