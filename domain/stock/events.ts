// What can happen to the stock of one SKU at one location. Every event names both: read models do not see the stream.
import { z } from 'zod';
import type { EventDefinitions, EventOf } from '../kernel/event.js';
import { locationSchema, skuSchema } from '../kernel/id.js';
import { priceSchema } from '../kernel/money.js';
import { shortText } from '../kernel/text.js';
import { productIdSchema } from '../product/events.js';

/** Most units that one movement, reservation or order line can have. */
export const MAX_QUANTITY = 1_000_000;

export const quantitySchema = z.int().min(1).max(MAX_QUANTITY);
export const stockReasonSchema = shortText(200);
/** Ids by which a repeated movement or reservation is recognised. */
export const operationIdSchema = z.string().min(1).max(200);

/** What is known of a delivery; each where it is given. */
export const receiptDetailsSchema = z.strictObject({
  reason: stockReasonSchema.optional(),
  /** Of one unit, in whatever currency the supplier is paid. */
  cost: priceSchema.optional(),
  supplier: shortText(100).optional(),
  /** What the maker calls the batch. */
  lot: shortText(100).optional(),
});

const item = { sku: skuSchema, location: locationSchema };
const movement = { ...item, movementId: operationIdSchema };
const reservation = { ...item, reservationId: operationIdSchema, quantity: quantitySchema };
/** 0 for a reservation that was never made: the event is its tombstone. */
const ended = { ...reservation, quantity: z.int().min(0).max(MAX_QUANTITY) };
const availability = z.strictObject({ ...item, productId: productIdSchema });

/** `backorderLimit`: units that may be promised beyond what is there, 0 if absent; `lowStockAt`: somebody is told at or below it. */
export const stockPolicySchema = z.strictObject({
  backorderLimit: z.int().min(0).max(MAX_QUANTITY).optional(),
  lowStockAt: z.int().min(0).max(MAX_QUANTITY).optional(),
});

const transfer = { ...movement, quantity: quantitySchema };
/** `operationId`: the shipment or cancellation that took a part of the reservation; without it all that was left. */
const partOf = { operationId: operationIdSchema.optional() };

const adjustment = { ...movement, delta: z.int().min(-MAX_QUANTITY).max(MAX_QUANTITY) };

export const stockEvents = {
  StockItemOpened: { version: 1, data: availability },
  StockReceived: {
    version: 1,
    data: z.strictObject({ ...movement, quantity: quantitySchema, ...receiptDetailsSchema.shape }),
  },
  /** Version 1 gave no reason. */
  StockAdjusted: {
    version: 2,
    data: z.strictObject({ ...adjustment, reason: stockReasonSchema }),
    upcast: { 1: (data: object) => ({ ...data, reason: 'unspecified' }) },
  },
  /** `quantity` is what was counted, `delta` by how much the books were off. */
  StockCounted: {
    version: 1,
    data: z.strictObject({ ...adjustment, quantity: z.int().min(0).max(MAX_QUANTITY) }),
  },
  /** `expiresAt` in ms of the log's clock; without it the reservation is held until it is committed or released. */
  StockReserved: { version: 1, data: z.strictObject({ ...reservation, expiresAt: z.int().min(0).optional() }) },
  ReservationExtended: {
    version: 1,
    data: z.strictObject({ ...item, reservationId: operationIdSchema, expiresAt: z.int().min(0) }),
  },
  /** Its checkout waits for the customer or the provider: nobody waits for its outcome. */
  ReservationParked: { version: 1, data: z.strictObject({ ...item, reservationId: operationIdSchema }) },
  ReservationCommitted: { version: 1, data: z.strictObject(reservation) },
  /** `committed`: it had been committed, so that is where its units are taken from. */
  ReservationReleased: {
    version: 1,
    data: z.strictObject({ ...ended, ...partOf, committed: z.literal(true).optional() }),
  },
  ReservationExpired: { version: 1, data: z.strictObject(ended) },
  /** `atOnce`: the units were neither reserved nor committed; they had left before they were written down. */
  StockShipped: {
    version: 1,
    data: z.strictObject({ ...reservation, ...partOf, atOnce: z.literal(true).optional() }),
  },
  /** Units on their way to another location, until it reports them as arrived under the same movement. Whose they are opens the item there. */
  StockTransferredOut: {
    version: 1,
    data: z.strictObject({ ...transfer, to: locationSchema, productId: productIdSchema }),
  },
  StockTransferredIn: { version: 1, data: z.strictObject({ ...transfer, from: locationSchema }) },
  /** A customer's units, back on the shelf. */
  StockReturned: { version: 1, data: z.strictObject({ ...movement, quantity: quantitySchema }) },
  /** A customer's units that came back and cannot be sold again: they are not on hand. */
  StockWrittenOff: { version: 1, data: z.strictObject({ ...movement, quantity: quantitySchema }) },
  /** The whole policy: what is absent no longer holds. */
  StockPolicySet: { version: 1, data: stockPolicySchema.extend(availability.shape) },
  /** `available` came to `lowStockAt` or below it; told again only after it was above. */
  LowStockReached: {
    version: 1,
    data: z.strictObject({ ...availability.shape, available: z.int(), lowStockAt: z.int() }),
  },
  /** So many units are committed, are not there, and are more than the policy lets be promised beyond what is there. */
  StockShortfallRecorded: {
    version: 1,
    data: z.strictObject({ ...availability.shape, shortfall: z.int().min(1) }),
  },
  StockShortfallEnded: { version: 1, data: availability },
  /** No more of it, or some again, can be promised here: all that most read models need of its movements. */
  StockDepleted: { version: 1, data: availability },
  StockReplenished: { version: 1, data: availability },
} satisfies EventDefinitions;

export type ReceiptDetails = z.output<typeof receiptDetailsSchema>;
export type StockPolicy = z.output<typeof stockPolicySchema>;
export type StockEvent = EventOf<typeof stockEvents>;
