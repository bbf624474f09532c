// Folds an order from its own streams, so that a writer sees its changes without waiting for the read model. It includes only the
// shipments and returns that the order knows, because units were shipped or returned with them.
import type { Commit } from '../../domain/kernel/commit.js';
import type { Caller } from '../../domain/kernel/endpoint.js';
import type { EventStore } from '../../domain/kernel/event-store.js';
import { siblingId, streamOf } from '../../domain/kernel/id.js';
import type { PersonalData } from '../../domain/kernel/personal.js';
import type { StreamId } from '../../domain/kernel/stream.js';
import type { OrderEvent } from '../../domain/order/events.js';
import { foldDocument } from '../../projections/models/fold.js';
import { type OrderView, orderViewSchema } from '../../projections/models/order-view.js';
import { orders, orderView } from '../../projections/models/orders.js';
import { openedOrder } from './opened-order.js';

export interface OrderViewDeps {
  store: Pick<EventStore, 'read'>;
  personal: Pick<PersonalData, 'open'>;
  /** The whole stream up to this commit, if this process remembers it. */
  upTo?: (stream: StreamId, commitNo: number) => readonly Commit[] | undefined;
}

export interface OrderToShow {
  orderId: string;
  /** Streams that the caller has just written, up to that commit; remembered ones are not read again. */
  written?: ReadonlyMap<StreamId, number>;
  /** Values that only support may see are left out unless the reader is support. */
  reader?: Pick<Caller, 'role'>;
}

export function createOrderView({ store, personal, upTo = () => undefined }: OrderViewDeps) {
  async function commitsOf(stream: StreamId, written?: number): Promise<readonly Commit[]> {
    const atHand = written && upTo(stream, written);
    if (atHand) return atHand;
    const commits: Commit[] = [];
    for await (const commit of store.read(stream)) commits.push(commit);
    return commits;
  }

  return {
    schema: orderViewSchema,
    async of({ orderId, written, reader }: OrderToShow): Promise<OrderView | undefined> {
      const streams = [streamOf(orderId), streamOf(siblingId('payment', orderId))];
      const [ordered = [], paid = []] = await Promise.all(
        streams.map((stream) => commitsOf(stream, written?.get(stream))),
      );
      const sent = await Promise.all(parcelsIn(ordered).map((id) => commitsOf(streamOf(id))));
      const document = foldDocument(orders, orderId, [...ordered, ...paid, ...sent.flat()]);
      const view = document && orderView(document);
      return view && openedOrder(view, personal, reader);
    },
  };
}

/** The shipments and returns that an order names. Goods that were shipped before the order was recorded have no shipment. */
function parcelsIn(commits: readonly Commit[]): string[] {
  return commits.flatMap(({ events }) =>
    (events as unknown as OrderEvent[]).flatMap((event) => {
      if (event.type === 'OrderFulfilled') return event.data.from ? [event.data.fulfilmentId] : [];
      return event.type === 'OrderReturned' ? [event.data.returnId] : [];
    }),
  );
}
