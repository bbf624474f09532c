// Sends what a file holds through the command handlers of the shop: the books first, then its invoices in time order.
// Every id derives from the file, so a run that is killed at any moment and started again ends the same.
import { createHash } from 'node:crypto';
import { setTimeout } from 'node:timers/promises';
import { isProblem, StreamBusy, Unavailable } from '../../../domain/kernel/errors.js';
import { DEFAULT_LOCATION, MAX_KEY_LENGTH } from '../../../domain/kernel/id.js';
import { orderLines } from '../../../domain/order/order-lines.js';
import type { CheckoutCommand } from '../../../domain/processes/checkout.js';
import { stockItem, stockStream } from '../../../domain/stock/stock-item.js';
import { type Books, CURRENCY } from './books.js';
import { ImportError } from './import-error.js';
import { inFlight } from './in-flight.js';
import { type Invoice, type InvoiceAdjustment, invoicesOf } from './invoices.js';
import { type ImportPorts, importMeta, type OnProgress, orderIdOf, originOf } from './ports.js';
import { openBook, productIdOf } from './products.js';
import { returnsByOrder, takeBack } from './returns.js';

const PRODUCTS_IN_FLIGHT = 64;

/**
 * Invoices are sent in rounds of about so many rows: their commands meet on the stock streams and share commits. What a
 * round brings back comes last, when all that was bought in it is sold. The larger a round the fewer the commits, but it
 * is decided in one go: seconds without a turn of the event loop would time out whatever waits for an engine.
 */
const ROWS_PER_ROUND = 2_000;

/** How long an engine may be away before the import gives up. */
const PATIENCE_MS = 2 * 60_000;
const RETRY_EVERY_MS = 1_000;

/** Hex digits of a hash that tell long keys apart. */
const KEY_HASH_LENGTH = 16;

/** Throws whatever stopped it, be it the signal's reason; run it again to go on. */
export async function importInvoices(
  ports: ImportPorts,
  file: string,
  books: Books,
  signal: AbortSignal,
  onProgress: OnProgress = () => {},
): Promise<void> {
  const { products, invoices } = books;
  const unadjusted = new Set<string>();
  let done = 0;
  await inFlight(products, PRODUCTS_IN_FLIGHT, signal, async (book) => {
    for (const id of await patiently(ports, signal, () => openBook(ports, book))) unadjusted.add(id);
    onProgress('products', ++done, products.length);
  });

  done = 0;
  for await (const round of roundsOf(invoicesOf(file, books))) {
    await inFlight(round, round.length, signal, async (invoice) => {
      await patiently(ports, signal, () => send(ports, invoice, unadjusted));
      onProgress('invoices', ++done, invoices.length);
    });
    const comingBack = returnsByOrder(round);
    await inFlight(comingBack, comingBack.length, signal, async (ofOneOrder) => {
      for (const one of ofOneOrder) {
        await patiently(ports, signal, () => accepted(one.number, () => takeBack(ports, one)));
      }
    });
  }
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

async function send(ports: ImportPorts, invoice: Invoice, unadjusted: ReadonlySet<string>): Promise<void> {
  const { number, at, lines, adjustments } = invoice;
  const missing = adjustments.filter(({ movementId }) => unadjusted.has(movementId));
  await accepted(number, async () => {
    await Promise.all(missing.map((adjustment) => adjust(ports, adjustment, at)));
    if (lines.length > 0) await ports.checkout.run(startOf(invoice), originOf(number));
  });
}

async function accepted(invoice: string, work: () => Promise<unknown>): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (!isProblem(error) || isPassing(error)) throw error;
    throw new ImportError(`Invoice ${invoice} is refused by the shop: ${error.message}`);
  }
}

/** What is lost had been there: it is received in the commit that writes the loss down. */
async function adjust({ runner, clock }: ImportPorts, adjustment: InvoiceAdjustment, at: string): Promise<void> {
  const { sku, movementId, delta, reason } = adjustment;
  const item = { sku, location: DEFAULT_LOCATION, productId: productIdOf(sku) };
  const commands = [
    { type: 'ReceiveStock', ...item, movementId: `${movementId}/found`, quantity: -delta },
    { type: 'AdjustStock', ...item, movementId, delta, reason },
  ] as const;
  const issued = commands.map((command) => {
    // Long ago the first of them may have been written without the second, as the process was killed in between.
    const meta = { ...importMeta(clock, command.movementId, { occurredAt: at }), issuedAt: 0, late: 'search' as const };
    return runner.execute(stockItem, stockStream(item), command, meta);
  });
  await Promise.all(issued);
}

function startOf(invoice: Invoice): CheckoutCommand & { type: 'StartCheckout' } {
  const { number, at, lines, charges, country } = invoice;
  return {
    type: 'StartCheckout',
    order: {
      orderId: orderIdOf(number),
      customerId: `customer_${customerKeyOf(invoice)}`,
      placedBy: 'staff',
      currency: CURRENCY,
      lines: orderLines(lines),
      shipping: { method: [...charges.codes].join('+') || 'none', amount: charges.amount },
      ...(country && { labels: { country } }),
      provider: 'external',
      paymentMethod: 'invoice',
      dispatch: 'at_once',
      occurredAt: at,
    },
  };
}

/** Tries again until the engines answer: whatever was done already is recognised. */
async function patiently<T>({ clock }: ImportPorts, signal: AbortSignal, work: () => Promise<T>): Promise<T> {
  const deadline = clock() + PATIENCE_MS;
  for (;;) {
    try {
      return await work();
    } catch (error) {
      if (!isPassing(error) || clock() > deadline) throw error;
      await setTimeout(RETRY_EVERY_MS, undefined, { signal }).catch(() => signal.throwIfAborted());
    }
  }
}

function isPassing(error: unknown): boolean {
  return error instanceof Unavailable || error instanceof StreamBusy;
}

/** Of a nobody, a guest of this one invoice. What an id cannot hold is written as its code point; of a long key, a hash ends it. */
function customerKeyOf({ number, customer }: Invoice): string {
  if (customer === undefined) return `guest-${number}`;
  const key = customer.replace(/[^A-Za-z0-9_-]/gu, (character) => `.${character.codePointAt(0)!.toString(16)}`);
  if (key.length <= MAX_KEY_LENGTH) return key;
  const hash = createHash('sha256').update(customer).digest('hex').slice(0, KEY_HASH_LENGTH);
  return `${key.slice(0, MAX_KEY_LENGTH - KEY_HASH_LENGTH)}${hash}`;
}
