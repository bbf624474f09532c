// Times as people give them to the API and the commands.
import { z } from 'zod';
import { type Hlc, hlcOf } from '../../domain/kernel/clock.js';

const MILLISECOND: Hlc = hlcOf(1);

/** A time as the API takes it: RFC 3339, or only the date, which means midnight in UTC. */
export const momentSchema = z
  .union(
    [z.iso.datetime({ offset: true }), z.iso.date('a date such as 2026-11-29')],
    'must be a time such as 2026-11-29T12:00:00Z, or a date',
  )
  .refine((text) => Number.isFinite(Date.parse(text)), 'must be a time that exists');

/** The first `at` of the millisecond. */
export function startOf(moment: string): Hlc {
  return hlcOf(Date.parse(moment));
}

/** The last `at` of the millisecond. */
export function endOf(moment: string): Hlc {
  return startOf(moment) + MILLISECOND - 1;
}
