// The built-in payment provider, which moves no money.
import type { CommandRunner } from '../../commands/runtime/command-runner.js';
import { createTestMethods } from '../payments/test-methods.js';
import { createTestProvider } from '../payments/test-provider.js';
import type { PaymentService } from './parts.js';

export function testService(runner: CommandRunner): PaymentService {
  return { name: 'test', providers: { test: createTestProvider() }, methods: createTestMethods({ runner }) };
}
