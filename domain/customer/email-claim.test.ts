import { expect } from 'chai';
import { decider, issuedTwiceChangesNothing } from '../../test/domain/given-when-then.js';
import { emailClaim } from './email-claim.js';
import type { EmailClaimEvent } from './events.js';

const emailKey = 'k'.repeat(43);
const by = (customerId: string) => ({ emailKey, customerId });
const claim = { type: 'ClaimEmail', ...by('customer_ada') } as const;
const release = { type: 'ReleaseEmail', ...by('customer_ada') } as const;
const claimed: EmailClaimEvent = { type: 'EmailClaimed', data: by('customer_ada') };
const released: EmailClaimEvent = { type: 'EmailReleased', data: by('customer_ada') };

describe('An e-mail address', () => {
  const { given } = decider(emailClaim);

  it('belongs to the first account that claims it; who comes later learns whose it is', () => {
    given([]).when(claim).then([claimed]);
    given([claimed])
      .when({ ...claim, ...by('customer_bob') })
      .then([]);
    expect(given([claimed]).state.owner).to.equal('customer_ada');
  });

  it('is free again once its owner releases it, and nobody else can', () => {
    given([claimed])
      .when({ ...release, ...by('customer_bob') })
      .then([]);
    given([claimed]).when(release).then([released]);
    given([claimed, released])
      .when({ ...claim, ...by('customer_bob') })
      .then([{ type: 'EmailClaimed', data: by('customer_bob') }]);
  });

  it('is not changed by a command that is issued again', () => {
    issuedTwiceChangesNothing(emailClaim, {
      ClaimEmail: { given: [], when: claim },
      ReleaseEmail: { given: [claimed], when: release },
    });
  });
});
