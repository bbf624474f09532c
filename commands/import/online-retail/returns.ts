// The returns of an invoice become one return per order that they were bought with: requested, approved, received, restocked and
// refunded at the price paid.
import { type ReturnCommand, returns } from '../../../domain/fulfilment/return.js';
import { orThrow } from '../../../domain/kernel/errors.js';
import { streamOf } from '../../../domain/kernel/id.js';
import { loadExisting } from '../../../domain/kernel/states.js';
import { type Order, operationCommandId, order } from '../../../domain/order/order.js';
import type { Invoice } from './invoices.js';
import { type ImportPorts, importMeta, orderIdOf, originOf, returnIdOf } from './ports.js';

/** The file gives no reason. */
const REASON = 'unspecified';

/** The part of one order. */
export interface InvoiceReturn {
  /** The number and time of the returning invoice. */
  number: string;
  at: string;
  orderId: string;
  lines: readonly { lineId: string; quantity: number }[];
}

/** The returns of some invoices, grouped by order, because the returns of one order are made one after the other. */
export function returnsByOrder(invoices: readonly Invoice[]): InvoiceReturn[][] {
  const byOrder = new Map<string, InvoiceReturn[]>();
  for (const { number, at, returns } of invoices) {
    for (const { invoice, lines } of returns) {
      const orderId = orderIdOf(invoice);
      const known = byOrder.get(orderId) ?? [];
      byOrder.set(orderId, known);
      known.push({ number, at, orderId, lines });
    }
  }
  return [...byOrder.values()];
}

/** Safe to repeat at any time, once the order was sent. */
export async function takeBack(ports: ImportPorts, invoiceReturn: InvoiceReturn): Promise<void> {
  const { number, orderId } = invoiceReturn;
  const known = await completedOrder(ports, orderId);
  const returnId = returnIdOf(number, orderId);
  if (!known.operationIds.includes(returnId)) await receive(ports, invoiceReturn, returnId, known.customerId);
  await ports.settlement.run(orderId, originOf(number));
}

/** Finishes an order that an earlier import left unfinished. */
async function completedOrder({ runner, checkout }: ImportPorts, orderId: string): Promise<Order> {
  const { state } = await runner.load(order, streamOf(orderId));
  if (state?.status === 'completed') return state;
  await checkout.resume(orderId);
  return (await loadExisting(runner, order, streamOf(orderId))).state;
}

async function receive(
  { runner, clock }: ImportPorts,
  { number, at: occurredAt, orderId, lines }: InvoiceReturn,
  returnId: string,
  customerId: string,
): Promise<void> {
  const meta = (id: string) => importMeta(clock, id, { ...originOf(number), occurredAt });
  const commands: ReturnCommand[] = [
    { type: 'RequestReturn', returnId, orderId, customerId, lines: [...lines], reasons: lines.map(() => REASON) },
    { type: 'ApproveReturn' },
  ];
  // Commands issued together share one commit.
  const issued = commands.map((command) =>
    runner
      .execute(returns, streamOf(returnId), command, {
        ...meta(`${returnId}/${command.type}`),
        newStream: true,
      })
      .then(orThrow),
  );
  await Promise.all(issued);
  const received = { type: 'ReceiveReturn', returnId, lines, occurredAt } as const;
  orThrow(await runner.execute(order, streamOf(orderId), received, meta(operationCommandId(returnId))));
}
