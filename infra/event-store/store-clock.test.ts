import { expect } from 'chai';
import fc from 'fast-check';
import { ClockSkew } from '../../domain/kernel/errors.js';
import { MAX_CLOCK_SKEW_MS } from '../../domain/kernel/limits.js';
import { createStoreClock } from './store-clock.js';

const MIDNIGHT = Date.UTC(2026, 0, 1);

/**
 * A store, and a machine whose clock is `skew` ms ahead. It asks at `askedAt` (ms after midnight) and gets the answer after
 * `roundTrip`.
 */
function hearing({ askedAt, roundTrip, skew }: { askedAt: number; roundTrip: number; skew: number }) {
  const world = { elapsed: askedAt, set: 0 };
  const clock = createStoreClock(
    'Store',
    () => MIDNIGHT + world.elapsed + skew + world.set,
    () => world.elapsed,
  );
  world.elapsed += roundTrip;
  clock.observe(askedAt, new Date(MIDNIGHT + askedAt + roundTrip / 2).toUTCString());
  return { clock, world };
}

const anyHearing = fc.record({
  askedAt: fc.nat(5_000),
  roundTrip: fc.nat(200),
  skew: fc.integer({ min: -8_000, max: 8_000 }),
});
const UNCERTAINTY_MS = 600;

describe("The store's clock", () => {
  it('is not known before the first answer, nor a minute after the last', () => {
    const { clock, world } = hearing({ askedAt: 0, roundTrip: 1, skew: 0 });
    expect(createStoreClock('Store', Date.now, () => 0).isKnown()).to.equal(false);
    expect(clock.isKnown()).to.equal(true);
    world.elapsed += 60_000;
    expect(clock.isKnown()).to.equal(false);
  });

  it('stops a machine that is certainly too far off, and never one that certainly is not', () => {
    fc.assert(
      fc.property(anyHearing, (heard) => {
        const { clock } = hearing(heard);
        const off = Math.abs(heard.skew);
        if (off > MAX_CLOCK_SKEW_MS + UNCERTAINTY_MS) expect(clock.assertInStep).to.throw(ClockSkew);
        if (off < MAX_CLOCK_SKEW_MS - UNCERTAINTY_MS) clock.assertInStep();
      }),
    );
  });

  it("never runs ahead of the store, whatever this machine's clock says", () => {
    fc.assert(
      fc.property(anyHearing, fc.nat(50_000), (heard, later) => {
        const { clock, world } = hearing(heard);
        world.elapsed += later;
        expect(clock.earliest()).to.be.within(MIDNIGHT + world.elapsed - 1_200, MIDNIGHT + world.elapsed);
      }),
    );
  });

  it('notices that this machine was set wrong since the last answer', () => {
    const { clock, world } = hearing({ askedAt: 0, roundTrip: 1, skew: 0 });
    world.set = 5_000;
    expect(clock.assertInStep).to.throw(ClockSkew, /synchronise/);
  });

  it('trusts a quick answer more than a later slow one', () => {
    const { clock, world } = hearing({ askedAt: 0, roundTrip: 10, skew: 0 });
    world.elapsed += 6_000;
    clock.observe(10, new Date(MIDNIGHT).toUTCString());
    clock.assertInStep();
    expect(clock.earliest()).to.be.at.least(MIDNIGHT + 5_000);
  });

  it('learns nothing from an answer without a date', () => {
    const clock = createStoreClock('Store', Date.now, () => 0);
    clock.observe(0, undefined);
    expect(clock.isKnown()).to.equal(false);
  });
});
