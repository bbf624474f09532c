// The requests of a guest who buys two products: seven requests, with an idempotency key on each that must not happen twice.
import { randomUUID } from 'node:crypto';
import type { Answered, Client } from './client.js';

const ADDRESS = {
  name: 'Ada Lovelace',
  line1: '12 St James Square',
  city: 'London',
  postcode: 'SW1Y 4JH',
  country: 'GB',
};

export interface FilledCart {
  id: string;
  token: string;
}

export async function fillCart(client: Client, skus: readonly string[]): Promise<FilledCart> {
  let token: string | undefined;
  const send = (status: number, method: 'POST' | 'PUT', path: string, body: unknown) =>
    client.expect(status, { method, path, token, body });

  ({ token } = JSON.parse(await send(201, 'POST', '/v1/sessions', {})) as { token: string });
  const { id } = JSON.parse(await send(201, 'POST', '/v1/carts', { currency: 'GBP' })) as { id: string };
  for (const sku of skus) await send(200, 'POST', `/v1/carts/${id}/lines`, { sku, quantity: 1 });
  await send(200, 'PUT', `/v1/carts/${id}/shipping-address`, ADDRESS);
  await send(200, 'PUT', `/v1/carts/${id}/shipping-method`, { method: 'standard' });
  return { id, token };
}

export function checkOut(client: Client, { id, token }: FilledCart): Promise<Answered> {
  const path = `/v1/carts/${id}/checkout`;
  const body = { paymentMethod: 'pm_card_visa', email: 'ada@example.com' };
  const headers = { 'Idempotency-Key': randomUUID() };
  return client.send({ method: 'POST', path, token, body, headers });
}
