// An order folded from its own streams, for whoever has just written them: it waits for no read model.
import type { Commit } from '../../domain/kernel/commit.js';
import type { EventStore } from '../../domain/kernel/event-store.js';
import { siblingId, streamOf } from '../../domain/kernel/id.js';
import type { PersonalData } from '../../domain/kernel/personal.js';
import type { StreamId } from '../../domain/kernel/stream.js';
import type { OrderView } from '../../domain/order/order-view.js';
import { foldDocument } from '../../projections/models/fold.js';
import { orders, orderView } from '../../projections/models/orders.js';
import { openedOrder } from './opened-order.js';

export interface OrderReaderDeps {
  store: Pick<EventStore, 'read'>;
  personal: Pick<PersonalData, 'open'>;
}

export function createOrderReader({ store, personal }: OrderReaderDeps) {
  async function commitsOf(stream: StreamId): Promise<Commit[]> {
    const commits: Commit[] = [];
    for await (const commit of store.read(stream)) commits.push(commit);
    return commits;
  }

  return {
    async byId(orderId: string): Promise<OrderView | undefined> {
      const streams = [streamOf(orderId), streamOf(siblingId('payment', orderId))];
      const commits = (await Promise.all(streams.map(commitsOf))).flat();
      const document = foldDocument(orders, orderId, commits);
      const view = document && orderView(document);
      return view && openedOrder(view, personal);
    },
  };
}
