import { expect } from 'chai';
import fc from 'fast-check';
import { earliestOf, randomId } from '../ids.js';
import { parseTraceparent, traceIn, withTrace } from './traceparent.js';

const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736';
const SPAN = '00f067aa0ba902b7';

describe('The trace context of a request', () => {
  it('is read from the header as W3C describes it', () => {
    expect(parseTraceparent(`00-${TRACE}-${SPAN}-01`)).to.deep.equal({ traceId: TRACE, spanId: SPAN, isSampled: true });
    expect(parseTraceparent(`00-${TRACE}-${SPAN}-00`)).to.have.property('isSampled', false);
    expect(parseTraceparent(`00-${TRACE}-${SPAN}-03`), 'other flags').to.have.property('isSampled', true);
    expect(parseTraceparent(`cc-${TRACE}-${SPAN}-01-what-a-later-version-adds`)).to.have.property('traceId', TRACE);
    for (const invalid of [
      undefined,
      '',
      `ff-${TRACE}-${SPAN}-01`,
      `00-${TRACE}-${SPAN}-01-more`,
      `00-${'0'.repeat(32)}-${SPAN}-01`,
      `00-${TRACE}-${'0'.repeat(16)}-01`,
      `00-${TRACE.toUpperCase()}-${SPAN}-01`,
      `00-${TRACE.slice(1)}-${SPAN}-01`,
      ` 00-${TRACE}-${SPAN}-01`,
    ])
      expect(parseTraceparent(invalid), invalid).to.equal(undefined);
  });

  it('is carried by the id of the request, whatever that is, and only if it is sampled', () => {
    const hex = (length: number) =>
      fc.string({ unit: fc.constantFrom(...'0123456789abcdef'), minLength: length, maxLength: length });
    fc.assert(
      fc.property(fc.string(), hex(32), hex(16), (id, traceId, spanId) => {
        fc.pre(/[^0]/.test(traceId) && /[^0]/.test(spanId));
        const context = { traceId, spanId, isSampled: true };
        expect(traceIn(withTrace(id, context))).to.deep.equal(context);
        expect(withTrace(id, { ...context, isSampled: false })).to.equal(id);
      }),
    );
    expect(traceIn('01KC0000000000000000000000')).to.equal(undefined);
  });

  it('does not hide the time in the id', () => {
    const now = Date.now();
    const id = randomId(now);
    const traced = withTrace(id, { traceId: TRACE, spanId: SPAN, isSampled: true });
    expect(earliestOf(traced, now)).to.equal(earliestOf(id, now)).and.to.be.a('number');
    expect(traced).to.match(/^[\w.:@+/=-]{1,128}$/);
  });
});
