// Earlier imported sales to customers who return something, read from the log.
import type { RecordedEvent } from '../../../domain/kernel/event.js';
import { keyOf, streamOf } from '../../../domain/kernel/id.js';
import type { OrderEvent } from '../../../domain/order/events.js';
import { inFlight } from '../in-flight.js';
import { type Pages, returningCustomers } from './books.js';
import { isOwn } from './own-entries.js';
import { customerIdOf, type ImportPorts, invoiceOfReturn } from './ports.js';
import type { Sale } from './purchases.js';

const CUSTOMERS_IN_FLIGHT = 8;

export async function salesBefore(
  ports: Pick<ImportPorts, 'store' | 'ordersOf'>,
  pages: Pages,
  signal: AbortSignal,
): Promise<Sale[]> {
  const sales: Sale[] = [];
  await inFlight(returningCustomers(pages), CUSTOMERS_IN_FLIGHT, signal, async ([customer, skus]) => {
    for (const orderId of await ports.ordersOf(customerIdOf(customer))) {
      const sale = await saleOf(ports, orderId, customer, skus);
      if (sale) sales.push(sale);
    }
  });
  return sales;
}

/** Undefined for an order that no import created. */
async function saleOf(
  { store }: Pick<ImportPorts, 'store'>,
  orderId: string,
  customer: string,
  skus: ReadonlySet<string>,
): Promise<Sale | undefined> {
  let sale: Sale | undefined;
  const returned = new Map<string, Map<string, number>>();
  for await (const commit of store.read(streamOf(orderId))) {
    for (const event of commit.events as RecordedEvent<OrderEvent>[]) {
      if (event.type === 'OrderPlaced') {
        if (!isOwn(event)) return undefined;
        const lines = event.data.lines
          .filter(({ sku }) => skus.has(sku))
          .map(({ id, sku, unitPrice, quantity }) => ({ lineId: id, sku, unitPrice, kept: quantity }));
        sale = { invoice: keyOf(orderId), customer, at: event.occurredAt, lines, returned };
      }
      if (event.type === 'OrderReturned' && sale) comeBack(sale, returned, event.data);
    }
  }
  return sale;
}

function comeBack(
  sale: Sale,
  returned: Map<string, Map<string, number>>,
  { returnId, lines }: Extract<OrderEvent, { type: 'OrderReturned' }>['data'],
): void {
  const number = invoiceOfReturn(returnId);
  for (const { lineId, quantity } of lines) {
    const line = sale.lines.find((one) => one.lineId === lineId);
    if (!line) continue;
    line.kept -= quantity;
    if (number === undefined) continue;
    const units = returned.get(number) ?? new Map<string, number>();
    returned.set(number, units.set(lineId, (units.get(lineId) ?? 0) + quantity));
  }
}
