// Which Lambda function serves which endpoint. An endpoint belongs to the service of its subject, which is the start of its path;
// queries and commands of a service are functions of their own.
import type { Endpoint } from '../../domain/kernel/endpoint.js';

/** The services of the shop. `identity` and `operations` are not part of what customers buy with. */
export type Service = 'product' | 'search' | 'order' | 'inventory' | 'payment' | 'identity' | 'operations';

/** By the start of the path behind `/v1/`. The longest one that fits decides. */
const SERVICE_OF = {
  products: 'product',
  categories: 'product',
  coupons: 'product',
  'tax-rates': 'product',
  'shipping-methods': 'product',
  shop: 'product',
  config: 'product',
  recommendations: 'product',
  search: 'search',
  stock: 'inventory',
  carts: 'order',
  orders: 'order',
  shipments: 'order',
  returns: 'order',
  customers: 'identity',
  me: 'order',
  'me/payment-methods': 'payment',
  'me/recommendations': 'product',
  'me/views': 'product',
  payments: 'payment',
  refunds: 'payment',
  'test-payments': 'payment',
  webhooks: 'payment',
  sessions: 'identity',
  'password-resets': 'identity',
  'email-verifications': 'identity',
  ops: 'operations',
  audit: 'operations',
} as const satisfies Record<string, Service>;

export type ApiFunctionName = `${Service}-${'commands' | 'queries'}` | 'payment-webhook';

type Addressed = Pick<Endpoint, 'method' | 'path' | 'signedBy'>;

/** Throws if no service has the subject of this path. */
export function serviceOf({ path }: Pick<Endpoint, 'path'>): Service {
  const subject = Object.keys(SERVICE_OF)
    .filter((start) => `${path}/`.startsWith(`/v1/${start}/`))
    .sort((a, b) => b.length - a.length)[0];
  if (subject === undefined)
    throw new Error(`${path}: no service has this subject; add it to infra/lambda/services.ts.`);
  return SERVICE_OF[subject as keyof typeof SERVICE_OF];
}

/** The name of the function that serves this endpoint. A webhook is a function of its own, which strangers can call. */
export function functionOf(endpoint: Addressed): ApiFunctionName {
  if (endpoint.signedBy !== undefined) return 'payment-webhook';
  return `${serviceOf(endpoint)}-${endpoint.method === 'get' ? 'queries' : 'commands'}`;
}
