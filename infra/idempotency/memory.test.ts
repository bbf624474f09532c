import { idempotencyContract } from '../../test/contracts/idempotency.contract.js';
import { createMemoryIdempotency } from './memory.js';

describe('idempotency records in memory', () => {
  idempotencyContract(async () => createMemoryIdempotency());
});
