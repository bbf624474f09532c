// The ledger of one stock item: every movement and reservation, read directly from its stream, oldest first.
import { z } from 'zod';
import { type Caller, type Endpoint, endpoint } from '../../domain/kernel/endpoint.js';
import { Problem } from '../../domain/kernel/errors.js';
import type { RecordedEvent } from '../../domain/kernel/event.js';
import type { EventStore } from '../../domain/kernel/event-store.js';
import { askedId, DEFAULT_LOCATION, locationSchema, pathId, skuSchema } from '../../domain/kernel/id.js';
import { defined } from '../../domain/kernel/json.js';
import { priceSchema } from '../../domain/kernel/money.js';
import { STAFF_ROLES } from '../../domain/kernel/role.js';
import type { StockEvent } from '../../domain/stock/events.js';
import { stockStream } from '../../domain/stock/stock-item.js';
import { cursorOf, pageAnswer, pageBody, pageQuery } from './lists.js';

const WORDS = {
  StockReceived: 'received',
  StockAdjusted: 'adjusted',
  StockCounted: 'counted',
  StockTransferredOut: 'transferred_out',
  StockTransferredIn: 'transferred_in',
  StockReturned: 'returned',
  StockWrittenOff: 'written_off',
  StockReserved: 'reserved',
  ReservationCommitted: 'committed',
  ReservationReleased: 'released',
  ReservationExpired: 'expired',
  StockShipped: 'shipped',
} as const satisfies Partial<Record<StockEvent['type'], string>>;

type Entered = Extract<StockEvent, { type: keyof typeof WORDS }>;

/** Actions of the stock keepers themselves. All others belong to orders, and only support may see whose orders they are. */
const KEEPERS_OWN: ReadonlySet<Entered['type']> = new Set([
  'StockReceived',
  'StockAdjusted',
  'StockCounted',
  'StockTransferredOut',
  'StockTransferredIn',
]);

const entryAnswer = z
  .strictObject({
    at: z.string().meta({ description: 'The time of the movement' }),
    what: z.enum(Object.values(WORDS)),
    by: z
      .string()
      .optional()
      .meta({ description: 'The movement; for support also the order or return that it belongs to' }),
    operationId: z
      .string()
      .optional()
      .meta({ description: 'For support only: the shipment or cancellation that took a part' }),
    quantity: z.int().optional().meta({ description: 'Number of units; for a count, the number of counted units' }),
    delta: z.int().optional().meta({ description: 'The change of the units on hand by a count or an adjustment' }),
    reason: z.string().optional(),
    cost: priceSchema.optional().meta({ description: 'For a receipt: the cost of one unit for the shop' }),
    supplier: z.string().optional(),
    lot: z.string().optional(),
    from: z.string().optional().meta({ description: 'The location that the units came from' }),
    to: z.string().optional().meta({ description: 'The location that the units went to' }),
    actor: z.strictObject({
      type: z.enum(['customer', 'staff', 'process', 'import']),
      id: z.string().optional().meta({ description: 'For movements of orders: for support only' }),
      role: z.enum(STAFF_ROLES).optional().meta({ description: 'For staff: the role in which the member acted' }),
    }),
  })
  .meta({ id: 'StockMovement' });

type Entry = z.output<typeof entryAnswer>;

/** Commit number and event version of the last entry of a page. The next page continues there. */
const cursorKey = z.tuple([z.int().min(1), z.int().min(1)]);

export function stockMovementsQuery({ store }: { store: Pick<EventStore, 'read'> }): Endpoint {
  return endpoint({
    method: 'get',
    path: '/v1/stock/{sku}/movements',
    summary: 'List the stock movements of a SKU',
    description: 'Lists the movements at one location, oldest first.',
    roles: ['catalogue', 'support'],
    params: z.strictObject({ sku: pathId(skuSchema, 'MUG-BLUE') }),
    query: z.strictObject({ location: locationSchema.default(DEFAULT_LOCATION), ...pageQuery }),
    answers: { 200: pageAnswer(entryAnswer) },
    async handle(request) {
      const { params, query, caller } = request;
      const sku = askedId(skuSchema, params.sku);
      const { location, limit } = query;
      const [commitNo, version] = cursorOf(request, cursorKey) ?? [1, 0];
      const data: Entry[] = [];
      let last: z.output<typeof cursorKey> = [commitNo, version];
      let known = false;
      for await (const commit of store.read(stockStream({ sku, location }), commitNo - 1)) {
        known = true;
        for (const event of commit.events as RecordedEvent<StockEvent>[]) {
          if (event.version <= version || !isEntered(event)) continue;
          if (data.length === limit) return { status: 200, body: pageBody(request, { data, next: last }) };
          data.push(entryOf(event, caller));
          last = [commit.position.commitNo, event.version];
        }
      }
      if (!known) throw new Problem('not_found', `${sku} was never stocked at ${location}.`);
      return { status: 200, body: pageBody(request, { data }) };
    },
  });
}

/** A release without a reservation moves nothing; it only prevents a late reservation. */
function isEntered(event: RecordedEvent<StockEvent>): event is RecordedEvent<Entered> {
  if (event.type === 'ReservationReleased' && event.data.quantity === 0) return false;
  return Object.hasOwn(WORDS, event.type);
}

/** The facts that these events record of a movement. */
type Details = Omit<Entry, 'at' | 'what' | 'by' | 'actor'> & { movementId?: string; reservationId?: string };

function entryOf({ type, occurredAt, actor, data }: RecordedEvent<Entered>, { role }: Caller): Entry {
  const showsWhose = role === 'support' || KEEPERS_OWN.has(type);
  const { movementId, reservationId, operationId, ...moved }: Details = data;
  const { quantity, delta, reason, cost, supplier, lot, from, to } = moved;
  return {
    at: occurredAt,
    what: WORDS[type],
    ...(showsWhose && defined({ by: movementId ?? reservationId, operationId })),
    ...defined({ quantity, delta, reason, cost, supplier, lot, from, to }),
    actor: showsWhose ? actor : { type: actor.type },
  };
}
