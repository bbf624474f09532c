// Saved payment methods of the built-in test provider. It has no records of its own, so the customer's stream keeps the names.
import type { SavedMethods } from '../../commands/payment/payment-methods.js';
import type { CommandRunner } from '../../commands/runtime/command-runner.js';
import { customer } from '../../domain/customer/customer.js';
import { orThrow, Problem } from '../../domain/kernel/errors.js';
import { streamOf } from '../../domain/kernel/id.js';
import { publicDeclineCode } from '../../domain/payment/ledger.js';
import { DECLINES, isTestMethod } from './test-provider.js';

export function createTestMethods({ runner }: { runner: CommandRunner }): SavedMethods {
  const methodsOf = async (customerId: string) => (await runner.load(customer, streamOf(customerId))).state.methods;

  return {
    of: async (customerId) => (await methodsOf(customerId)).map((id) => ({ id })),
    async save(customerId, method, meta) {
      if (!isTestMethod(method))
        throw new Problem('not_found', `There is no test method ${method}; pm_card_visa is one.`);
      const declineCode = DECLINES.get(method);
      if (declineCode !== undefined) {
        throw new Problem('payment_declined', 'The bank declines this card.', {
          declineCode: publicDeclineCode(declineCode),
        });
      }
      const command = { type: 'SavePaymentMethod', customerId, method } as const;
      orThrow(await runner.execute(customer, streamOf(customerId), command, meta));
      return { id: method };
    },
    async remove(customerId, method, meta) {
      if (!(await methodsOf(customerId)).includes(method)) throw new Problem('not_found', `There is no ${method}.`);
      const command = { type: 'RemovePaymentMethod', customerId, method } as const;
      orThrow(await runner.execute(customer, streamOf(customerId), command, meta));
    },
    // The customer's stream no longer has their methods, and there are no other records.
    forget: async () => {},
  };
}
