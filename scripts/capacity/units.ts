// What one order of two lines needs, from the guest's cart until it is shipped and paid. `test/capacity-units.test.ts` and
// `test/write-units.test.ts` measure these numbers and fail if they are no longer true.

export const ORDER = {
  /** HTTP requests that write: five on the cart, the checkout, the shipment and its dispatch. */
  commandRequests: 8,
  commits: 22,
  /** Write units of the table `events`, and of its index. */
  tableUnits: 26,
  indexUnits: 22,
  /** Strongly consistent queries of the table. */
  reads: 9,
  /** Bytes of its items in the log, and of the change records that Kinesis gets of them; rounded up to a hundred. */
  itemBytes: 23_100,
  recordBytes: 32_200,
  /** Documents that its commits touch, by store. Batches write fewer. */
  documents: { postgres: 37, mongodb: 0, opensearch: 2, redis: 5 },
} as const;

/** Records of idempotency: a claim and an answer for each request with a key. */
export const IDEMPOTENCY_WRITES = 2 * ORDER.commandRequests;

/** Queries of a customer for each order: pages of products, searches, carts and orders. An assumption: every shop differs. */
export const QUERIES_PER_ORDER = 40;
