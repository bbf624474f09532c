import { idempotencyContract } from './contracts/idempotency.contract.js';
import { createMemoryIdempotency } from './memory-idempotency.js';

describe('idempotency records in memory', () => {
  idempotencyContract(async () => createMemoryIdempotency());
});
