// Compares the payments of the last week with the provider's records, and logs the differences.
import type { Parts } from './parts.js';

const COMPARED_MS = 7 * 24 * 3_600_000;

export interface ReportDeps extends Pick<Parts, 'clock' | 'log'> {
  run: NonNullable<Parts['reconciliation']['run']>;
}

/** Repairs nothing. Rejects if the provider does not answer. */
export async function reportDifferences({ run, clock, log }: ReportDeps): Promise<void> {
  const { differences } = await run({ from: clock() - COMPARED_MS, repair: false });
  for (const { kind, paymentId, operationId } of differences)
    log.error(
      { kind, paymentId, operationId },
      'a payment differs from the provider’s records; run `commerce reconcile`',
    );
}
