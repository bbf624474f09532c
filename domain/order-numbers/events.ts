// The events of the shop's order numbers. They are leased in blocks.
import { z } from 'zod';
import type { EventDefinitions, EventOf } from '../kernel/event.js';

export const orderNumberEvents = {
  /** The numbers `from` … `to`, both included, are leased to one process. */
  NumbersLeased: {
    version: 1,
    data: z.strictObject({ leaseId: z.string().min(1).max(100), from: z.int().min(1), to: z.int().min(1) }),
  },
} satisfies EventDefinitions;

export type OrderNumberEvent = EventOf<typeof orderNumberEvents>;
