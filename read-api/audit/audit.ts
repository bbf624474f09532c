// The endpoints for auditors.
import type { Endpoint } from '../../domain/kernel/endpoint.js';
import { type LogReader, logQuery } from './log.js';
import { type OrderSearchDeps, orderSearch } from './orders.js';
import { type StreamAuditDeps, streamAuditQueries } from './streams.js';

export interface AuditDeps extends StreamAuditDeps {
  store: StreamAuditDeps['store'] & LogReader['store'];
  decode: LogReader['decode'];
  orders: OrderSearchDeps;
}

export function auditQueries({ store, decode, clock, orders }: AuditDeps): Endpoint[] {
  return [logQuery({ store, decode }), ...streamAuditQueries({ store, clock }), orderSearch(orders)];
}
