// The events of the stock of one SKU at one location. Every event names both, because read models do not see the stream.
import { z } from 'zod';
import type { EventDefinitions, EventOf } from '../kernel/event.js';
import { locationSchema, skuSchema } from '../kernel/id.js';
import { priceSchema } from '../kernel/money.js';
import { shortText } from '../kernel/text.js';
import { productIdSchema } from '../product/events.js';

/** Most units of one movement, reservation or order line. */
export const MAX_QUANTITY = 1_000_000;

export const quantitySchema = z.int().min(1).max(MAX_QUANTITY);
export const stockReasonSchema = shortText(200);
/** The id that recognises a repeated movement or reservation. */
export const operationIdSchema = z.string().min(1).max(200);

/** Details of a delivery, each of them optional. */
export const receiptDetailsSchema = z.strictObject({
  reason: stockReasonSchema.optional(),
  /** Cost of one unit, in the currency that the supplier is paid in. */
  cost: priceSchema.optional(),
  supplier: shortText(100).optional(),
  /** The manufacturer's name for the batch. */
  lot: shortText(100).optional(),
});

const item = { sku: skuSchema, location: locationSchema };
const movement = { ...item, movementId: operationIdSchema };
const reservation = { ...item, reservationId: operationIdSchema, quantity: quantitySchema };
/** 0 for a reservation that was never made: the event is its tombstone. */
const ended = { ...reservation, quantity: z.int().min(0).max(MAX_QUANTITY) };
const availability = z.strictObject({ ...item, productId: productIdSchema });

/**
 * `backorderLimit`: units that may be promised beyond the stock, 0 if absent. `lowStockAt`: at or below this level a warning is
 * sent.
 */
export const stockPolicySchema = z.strictObject({
  backorderLimit: z.int().min(0).max(MAX_QUANTITY).optional(),
  lowStockAt: z.int().min(0).max(MAX_QUANTITY).optional(),
});

const transfer = { ...movement, quantity: quantitySchema };
/**
 * `operationId`: the shipment or cancellation that took a part of the reservation. Absent if it took everything that was left.
 */
const partOf = { operationId: operationIdSchema.optional() };

const adjustment = { ...movement, delta: z.int().min(-MAX_QUANTITY).max(MAX_QUANTITY) };

export const stockEvents = {
  StockItemOpened: { version: 1, data: availability },
  StockReceived: {
    version: 1,
    data: z.strictObject({ ...movement, quantity: quantitySchema, ...receiptDetailsSchema.shape }),
  },
  /** Version 1 had no reason. */
  StockAdjusted: {
    version: 2,
    data: z.strictObject({ ...adjustment, reason: stockReasonSchema }),
    upcast: { 1: (data: object) => ({ ...data, reason: 'unspecified' }) },
  },
  /** `quantity` is the counted quantity, `delta` the difference from the recorded one. */
  StockCounted: {
    version: 1,
    data: z.strictObject({ ...adjustment, quantity: z.int().min(0).max(MAX_QUANTITY) }),
  },
  /** `expiresAt` in ms of the log's clock. If absent, the reservation is held until it is committed or released. */
  StockReserved: { version: 1, data: z.strictObject({ ...reservation, expiresAt: z.int().min(0).optional() }) },
  ReservationExtended: {
    version: 1,
    data: z.strictObject({ ...item, reservationId: operationIdSchema, expiresAt: z.int().min(0) }),
  },
  /** Its checkout waits for the customer or the provider, so no other checkout waits for these units. */
  ReservationParked: { version: 1, data: z.strictObject({ ...item, reservationId: operationIdSchema }) },
  ReservationCommitted: { version: 1, data: z.strictObject(reservation) },
  /** `committed`: the reservation had been committed, so its units are taken from the committed ones. */
  ReservationReleased: {
    version: 1,
    data: z.strictObject({ ...ended, ...partOf, committed: z.literal(true).optional() }),
  },
  ReservationExpired: { version: 1, data: z.strictObject(ended) },
  /**
   * `atOnce`: the units were neither reserved nor committed, because they left before they were recorded. `productId`: whose
   * popularity it adds to; events from before it was recorded lack it.
   */
  StockShipped: {
    version: 2,
    data: z.strictObject({
      ...reservation,
      ...partOf,
      atOnce: z.literal(true).optional(),
      productId: productIdSchema.optional(),
    }),
    upcast: { 1: (data: object) => data },
  },
  /**
   * Units on their way to another location, until that one records their arrival under the same movement id. The `productId`
   * opens the item there.
   */
  StockTransferredOut: {
    version: 1,
    data: z.strictObject({ ...transfer, to: locationSchema, productId: productIdSchema }),
  },
  StockTransferredIn: { version: 1, data: z.strictObject({ ...transfer, from: locationSchema }) },
  /** Units that a customer returned and that are on hand again. */
  StockReturned: { version: 1, data: z.strictObject({ ...movement, quantity: quantitySchema }) },
  /** Units that a customer returned and that cannot be sold again. They are not on hand. */
  StockWrittenOff: { version: 1, data: z.strictObject({ ...movement, quantity: quantitySchema }) },
  /** The complete policy: absent fields no longer apply. */
  StockPolicySet: { version: 1, data: stockPolicySchema.extend(availability.shape) },
  /** `available` fell to `lowStockAt` or below. The event repeats only after it was above. */
  LowStockReached: {
    version: 1,
    data: z.strictObject({ ...availability.shape, available: z.int(), lowStockAt: z.int() }),
  },
  /** The number of committed units that are missing and exceed the backorder limit. */
  StockShortfallRecorded: {
    version: 1,
    data: z.strictObject({ ...availability.shape, shortfall: z.int().min(1) }),
  },
  StockShortfallEnded: { version: 1, data: availability },
  /** No more units can be promised here, or some can again. Most read models need only this of the item's movements. */
  StockDepleted: { version: 1, data: availability },
  StockReplenished: { version: 1, data: availability },
} satisfies EventDefinitions;

export type ReceiptDetails = z.output<typeof receiptDetailsSchema>;
export type StockPolicy = z.output<typeof stockPolicySchema>;
export type StockEvent = EventOf<typeof stockEvents>;
