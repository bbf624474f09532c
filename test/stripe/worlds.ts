// Where the Stripe suites run: against the stand-in, and against Stripe's test mode if STRIPE_SECRET_KEY is a test key. Tests
// that need the stand-in are skipped there, with a message.
import type Stripe from 'stripe';
import type { Clock } from '../../domain/kernel/clock.js';
import { connectStripe } from '../../infra/payments/stripe.js';
import { type StripeStandIn, startStripe } from './stand-in.js';

const TEST_KEY = process.env.STRIPE_SECRET_KEY;
const TEST_TIMEOUT_MS = 60_000;

export interface World {
  stripe: Stripe;
  standIn?: StripeStandIn;
}

/** The stand-in follows this clock; Stripe has its own. */
export type OpenWorld = (clock?: Clock) => Promise<World>;

export function describeOnStripe(name: string, suite: (open: OpenWorld) => void): void {
  const describeIn = (where: string, open: OpenWorld) =>
    describe(`${name}, against ${where}`, function () {
      this.timeout(TEST_TIMEOUT_MS);
      suite(open);
    });

  describeIn('the stand-in', async (clock = Date.now) => {
    const standIn = await startStripe({ clock });
    return { standIn, stripe: connectStripe(standIn) };
  });
  if (TEST_KEY?.startsWith('sk_test_')) {
    describeIn("Stripe's test mode", async () => ({ stripe: connectStripe({ secretKey: TEST_KEY }) }));
  } else {
    console.warn(`SKIPPED: ${name}, against Stripe's test mode: set STRIPE_SECRET_KEY=sk_test_… to run it.`);
  }
}

/** Skips the test if it does not run on the stand-in. */
export function standInOf({ standIn }: World, test: Mocha.Context): StripeStandIn {
  return standIn ?? skip(test, 'needs the controls of the stand-in');
}

export function skip(test: Mocha.Context, why: string): never {
  console.warn(`SKIPPED: "${test.test?.title}" ${why}.`);
  return test.skip();
}
