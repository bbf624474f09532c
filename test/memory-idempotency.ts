// Idempotency records in the memory of one process, for tests. They keep the contract of the real stores.
import { randomUUID } from 'node:crypto';
import { type IdempotencyStore, RECORD_TTL_MS, RUN_LEASE_MS, recordsOf } from '../infra/idempotency/port.js';

interface Kept {
  request: string;
  owner: string;
  leasedUntil: number;
  issuedAt: number;
  expiresAt: number;
  answer?: Uint8Array;
}

export function createMemoryIdempotency(): IdempotencyStore {
  const records = new Map<string, Kept>();

  return {
    async begin(id, request, now) {
      const found = records.get(id);
      const kept = found && found.expiresAt > now ? found : undefined;
      if (kept && kept.request !== request) return { state: 'mismatch' };
      if (kept?.answer !== undefined) return { state: 'answered', answer: kept.answer };
      if (kept && kept.leasedUntil > now) return { state: 'running' };
      const owner = randomUUID();
      const issuedAt = kept?.issuedAt ?? now;
      const [leasedUntil, expiresAt] = [now + RUN_LEASE_MS, now + RECORD_TTL_MS];
      records.set(id, { request, owner, leasedUntil, issuedAt, expiresAt });
      return { state: 'run', run: { id, request, owner, issuedAt } };
    },
    async finish({ id, owner }, answer) {
      const kept = records.get(id);
      if (kept?.owner === owner) kept.answer = answer;
    },
    async release({ id, owner }) {
      const kept = records.get(id);
      if (kept?.owner === owner) kept.leasedUntil = 0;
    },
    async forget(caller) {
      for (const id of records.keys()) if (id.startsWith(recordsOf(caller))) records.delete(id);
    },
  };
}
