// What can happen to the numbers of the shop's orders: whole blocks of them are given away.
import { z } from 'zod';
import type { EventDefinitions, EventOf } from '../kernel/event.js';

export const orderNumberEvents = {
  /** Nobody else gets the numbers `from` … `to`, both included. */
  NumbersLeased: {
    version: 1,
    data: z.strictObject({ leaseId: z.string().min(1).max(100), from: z.int().min(1), to: z.int().min(1) }),
  },
} satisfies EventDefinitions;

export type OrderNumberEvent = EventOf<typeof orderNumberEvents>;
