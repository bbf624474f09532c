// The endpoints for auditors.
import type { Endpoint } from '../../domain/kernel/endpoint.js';
import { type LogReader, logQuery } from './log.js';
import { type OrderSearchDeps, orderSearch } from './orders.js';
import { type StreamAuditDeps, streamAuditQueries } from './streams.js';

export interface AuditDeps extends StreamAuditDeps {
  store: StreamAuditDeps['store'] & LogReader['store'];
  decode: LogReader['decode'];
  earliestOf: LogReader['earliestOf'];
  orders: OrderSearchDeps;
}

export function auditQueries({ orders, clock, ...reader }: AuditDeps): Endpoint[] {
  return [logQuery(reader), ...streamAuditQueries({ store: reader.store, clock }), orderSearch(orders)];
}
