import { expect } from 'chai';
import { decider, issuedTwiceChangesNothing } from '../../test/domain/given-when-then.js';
import type { ReturnEvent } from './events.js';
import { type ReturnCommand, returns } from './return.js';

const ids = { returnId: 'return_1', orderId: 'order_7' };
const asked = { customerId: 'customer_1', lines: [{ lineId: '1', quantity: 2 }], reasons: ['too small'] };
const request: ReturnCommand & { type: 'RequestReturn' } = { type: 'RequestReturn', ...ids, ...asked };
const requested: ReturnEvent = { type: 'ReturnRequested', data: { ...ids, ...asked } };
const approve = { type: 'ApproveReturn' } as const;
const approved: ReturnEvent = { type: 'ReturnApproved', data: ids };
const decline = { type: 'DeclineReturn', reason: 'worn' } as const;
const declined: ReturnEvent = { type: 'ReturnDeclined', data: { ...ids, reason: 'worn' } };
const back = { lines: [{ lineId: '1', quantity: 1, writtenOff: true as const }], location: 'york', amount: 599 };
const receive: ReturnCommand & { type: 'RecordReceived' } = { type: 'RecordReceived', ...back };
const received: ReturnEvent = { type: 'ReturnReceived', data: { ...ids, ...back } };

describe('A return', () => {
  const { given } = decider(returns);

  it('is requested, approved and received', () => {
    given([]).when(request).then([requested]);
    given([requested]).when(approve).then([approved]);
    given([requested, approved]).when(receive).then([received]);
    given([requested, approved, received]).when(approve).then([]);
  });

  it('is declined for a reason, but not once it is approved', () => {
    given([requested]).when(decline).then([declined]);
    given([requested, approved]).when(decline).thenRejected('conflict');
    given([requested, declined]).when(approve).thenRejected('conflict');
  });

  it('shows its customer what was requested, why it was declined, and what came back', () => {
    expect(given([requested]).state).to.deep.equal({ ...ids, ...asked, status: 'requested' });
    const refused = given([requested, declined]).state;
    expect(refused).to.deep.equal({ ...ids, ...asked, status: 'declined', declineReason: 'worn' });
    const settled = given([requested, approved, received]).state;
    expect(settled).to.deep.equal({ ...ids, ...asked, status: 'received', received: back });
  });

  it('is received only once it is approved', () => {
    given([requested]).when(receive).thenRejected('conflict');
    given([requested, declined]).when(receive).thenRejected('conflict');
  });

  it('that was never requested can do nothing', () => {
    for (const command of [approve, decline, receive]) given([]).when(command).thenRejected('not_found');
  });

  it('is not changed by a command that is issued again', () => {
    issuedTwiceChangesNothing(returns, {
      RequestReturn: { given: [], when: request },
      ApproveReturn: { given: [requested], when: approve },
      DeclineReturn: { given: [requested], when: decline },
      RecordReceived: { given: [requested, approved], when: receive },
    });
  });
});
