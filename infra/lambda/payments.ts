// Payments as most functions have them: they call the function `payment-provider`, which alone has Stripe's key.
import { ConfigError } from '../config.js';
import { lazy, type Recipes } from '../modules/parts.js';
import { paymentEndpointParts } from '../modules/payment-endpoints.js';
import { testService } from '../modules/test-payments.js';
import { lambdaCaller } from '../payments/lambda-caller.js';
import { remotePayments } from '../payments/remote-payments.js';
import { createTestProvider } from '../payments/test-provider.js';

export const paymentParts = {
  ...paymentEndpointParts,

  paymentService: ({ runner, config: { awsRegion: region }, lifecycle }) =>
    lazy(() => {
      const { COMMERCE_PAYMENT_FUNCTION: name, COMMERCE_ENV, STRIPE_PUBLISHABLE_KEY: publishableKey } = process.env;
      if (name) {
        const { call, close } = lambdaCaller({ region, name });
        lifecycle.onClose(close);
        const { provider, methods } = remotePayments(call);
        const providers = { test: createTestProvider(), stripe: provider };
        return { name: 'stripe' as const, providers, methods, ...(publishableKey && { publishableKey }) };
      }
      if (COMMERCE_ENV === 'production')
        return { name: 'stripe' as const, providers: {}, methods: remotePayments(refuse).methods };
      return testService(runner);
    }),
} satisfies Partial<Recipes>;

async function refuse(): Promise<never> {
  throw new ConfigError('COMMERCE_PAYMENT_FUNCTION: is not set, so this function cannot ask for payments.');
}
