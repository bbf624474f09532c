// Sends the contents of a file through the command handlers of the shop: first the products, then the invoices in time order.
// Every id derives from the file, so a run that is killed at any moment and started again has the same result.
import { isProblem, orThrow } from '../../../domain/kernel/errors.js';
import { DEFAULT_LOCATION } from '../../../domain/kernel/id.js';
import type { OrderLine } from '../../../domain/order/events.js';
import type { OrderCommand, OrderContents } from '../../../domain/order/order.js';
import { orderLines } from '../../../domain/order/order-lines.js';
import { stockItem, stockStream } from '../../../domain/stock/stock-item.js';
import { ImportError } from '../import-error.js';
import { inFlight } from '../in-flight.js';
import { isPassing, retryWhileAway } from '../patience.js';
import { type Books, CURRENCY, type Pages } from './books.js';
import { type Invoice, type InvoiceAdjustment, invoicesOf } from './invoices.js';
import {
  customerIdOf,
  guestIdOf,
  type ImportPorts,
  importMeta,
  type OnProgress,
  orderIdOf,
  originOf,
} from './ports.js';
import { openBook, productIdOf } from './products.js';
import type { Sale } from './purchases.js';
import { returnsByOrder, takeBack } from './returns.js';
import { salesBefore } from './sales.js';

const PRODUCTS_IN_FLIGHT = 64;

/**
 * Invoices are sent in rounds of about this many rows, so that their commands meet on the stock streams and share commits.
 * Returns come last in a round, after everything bought in it is sold. A larger round needs fewer commits, but it is decided in
 * one go. It would block the event loop for seconds, and pending calls to engines would time out.
 */
const ROWS_PER_ROUND = 2_000;

/** Earlier sales of the shop that the file's returns may belong to. */
export function askSalesBefore(ports: ImportPorts, pages: Pages, signal: AbortSignal): Promise<Sale[]> {
  return retryWhileAway(ports, signal, () => salesBefore(ports, pages, signal));
}

/**
 * Resolves to the numbers of the invoices that an earlier import brought with other contents; they stay as they are. Throws
 * whatever stopped the import, such as the signal's reason. Run it again to continue.
 */
export async function importInvoices(
  ports: ImportPorts,
  books: Books,
  signal: AbortSignal,
  onProgress: OnProgress = () => {},
): Promise<string[]> {
  const { products, invoices } = books;
  const differing = new Set(books.differing);
  const unadjusted = new Set<string>();
  let done = 0;
  await inFlight(products, PRODUCTS_IN_FLIGHT, signal, async (book) => {
    for (const id of await retryWhileAway(ports, signal, () => openBook(ports, book))) unadjusted.add(id);
    onProgress('products', ++done, products.length);
  });

  done = 0;
  for await (const round of roundsOf(invoicesOf(books))) {
    await inFlight(round, round.length, signal, async (invoice) => {
      const isSame = await retryWhileAway(ports, signal, () => send(ports, invoice, unadjusted));
      if (!isSame) differing.add(invoice.number);
      onProgress('invoices', ++done, invoices.length);
    });
    const comingBack = returnsByOrder(round);
    await inFlight(comingBack, comingBack.length, signal, async (ofOneOrder) => {
      for (const one of ofOneOrder) {
        await retryWhileAway(ports, signal, () => accepted(one.number, () => takeBack(ports, one)));
      }
    });
  }
  return [...differing];
}

async function* roundsOf(invoices: AsyncIterable<Invoice>): AsyncGenerator<Invoice[]> {
  let round: Invoice[] = [];
  let rows = 0;
  for await (const invoice of invoices) {
    round.push(invoice);
    rows += invoice.lines.length + invoice.adjustments.length + invoice.returns.length;
    if (rows < ROWS_PER_ROUND) continue;
    yield round;
    round = [];
    rows = 0;
  }
  yield round;
}

/** False if the order exists with other contents. */
async function send(ports: ImportPorts, invoice: Invoice, unadjusted: ReadonlySet<string>): Promise<boolean> {
  const { number, at, lines, adjustments } = invoice;
  const missing = adjustments.filter(({ movementId }) => unadjusted.has(movementId));
  return accepted(number, async () => {
    await Promise.all(missing.map((adjustment) => adjust(ports, adjustment, at)));
    if (lines.length === 0) return true;
    const place = orderOf(invoice);
    const { checkout } = await ports.checkout.run(place, originOf(number));
    return isSameOrder(checkout.order, place.contents);
  });
}

type Compared = Pick<OrderContents, 'customerId' | 'shipping' | 'occurredAt'> & { lines: readonly OrderLine[] };

function isSameOrder(one: Compared, other: Compared): boolean {
  const told = ({ customerId, lines, shipping, occurredAt }: Compared) =>
    JSON.stringify([
      customerId,
      shipping.method,
      shipping.amount,
      occurredAt,
      ...lines.flatMap(({ sku, title, quantity, unitPrice }) => [sku, title, quantity, unitPrice]),
    ]);
  return told(one) === told(other);
}

async function accepted<T>(invoice: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!isProblem(error) || isPassing(error)) throw error;
    throw new ImportError(
      `Invoice ${invoice} was refused by the shop: ${error.message} Imported invoices stay; run the import again to continue.`,
    );
  }
}

/** Lost units had been there, so the same commit first receives them. */
async function adjust({ runner, clock }: ImportPorts, adjustment: InvoiceAdjustment, at: string): Promise<void> {
  const { sku, movementId, delta, reason } = adjustment;
  const item = { sku, location: DEFAULT_LOCATION, productId: productIdOf(sku) };
  const commands = [
    { type: 'ReceiveStock', ...item, movementId: `${movementId}/found`, quantity: -delta },
    { type: 'AdjustStock', ...item, movementId, delta, reason },
  ] as const;
  const issued = commands.map((command) => {
    // An earlier run may have been killed between the two commands, any time ago, so the first may exist without the second.
    const meta = { ...importMeta(clock, command.movementId, { occurredAt: at }), issuedAt: 0, late: 'search' as const };
    return runner.execute(stockItem, stockStream(item), command, meta).then(orThrow);
  });
  await Promise.all(issued);
}

function orderOf(invoice: Invoice): OrderCommand & { type: 'PlaceOrder' } {
  const { number, at, customer, lines, charges, country } = invoice;
  const method = [...charges.codes].join('+') || 'none';
  return {
    type: 'PlaceOrder',
    contents: {
      orderId: orderIdOf(number),
      customerId: customer === undefined ? guestIdOf(number) : customerIdOf(customer),
      placedBy: 'staff',
      currency: CURRENCY,
      lines: orderLines(lines),
      shipping: { method, title: method, amount: charges.amount },
      ...(country && { labels: { country } }),
      payment: { provider: 'external', method: 'invoice' },
      dispatch: 'at_once',
      occurredAt: at,
    },
  };
}
