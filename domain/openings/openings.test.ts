import { expect } from 'chai';
import { decider, issuedTwiceChangesNothing } from '../../test/domain/given-when-then.js';
import { MAX_SUBJECTS, type OpeningEvent } from './events.js';
import { openings, openingsOf } from './openings.js';

const purpose = 'GET /v1/orders';
const record = (...subjects: string[]) => ({ type: 'RecordOpening', purpose, subjects }) as const;
const opened = (...subjects: string[]): OpeningEvent => ({ type: 'PersonalDataOpened', data: { purpose, subjects } });

describe('The openings of personal data by one person on one day', () => {
  const { given } = decider(openings);

  it('record each subject once for each purpose', () => {
    given([])
      .when(record('customer_ada', 'customer_bob', 'customer_ada'))
      .then([opened('customer_ada', 'customer_bob')]);
    given([opened('customer_ada')])
      .when(record('customer_ada', 'customer_bob'))
      .then([opened('customer_bob')]);
    given([opened('customer_ada'), opened('customer_bob')])
      .when(record('customer_ada', 'customer_bob'))
      .then([]);
    given([opened('customer_ada')])
      .when({ ...record('customer_ada'), purpose: 'another' })
      .then([{ type: 'PersonalDataOpened', data: { purpose: 'another', subjects: ['customer_ada'] } }]);
  });

  it('record many subjects in several events', () => {
    const many = Array.from({ length: MAX_SUBJECTS + 1 }, (_, n) => `customer_${n}`);
    given([])
      .when(record(...many))
      .then([opened(...many.slice(0, MAX_SUBJECTS)), opened(`customer_${MAX_SUBJECTS}`)]);
  });

  it('are in a stream of that person and day', () => {
    const jo = { type: 'staff', id: 'staff_jo', role: 'support' } as const;
    expect(openingsOf(jo, '2026-11-29')).to.equal('openings#staff@staff_jo@2026-11-29');
    expect(openingsOf({ ...jo, role: 'auditor' }, '2026-11-29')).to.equal(openingsOf(jo, '2026-11-29'));
  });

  it('are not recorded again by a command that is issued again', () => {
    issuedTwiceChangesNothing(openings, {
      RecordOpening: { given: [opened('customer_ada')], when: record('customer_bob') },
    });
  });
});
