// Tells whether the program on a port is a running `commerce start` of this data folder: it must accept a token of the folder's
// key.
import { defined } from '../domain/kernel/json.js';
import type { Config } from '../infra/config.js';
import { findTokenKey } from '../infra/identity/token-key.js';
import { createTokens } from '../infra/identity/tokens.js';
import { randomId } from '../infra/ids.js';

const ANSWER_TIMEOUT_MS = 5_000;

export async function isOwnStart(url: string, { dataDir, tokenKey }: Config): Promise<boolean> {
  const key = await findTokenKey({ dataDir, ...defined({ given: tokenKey }) });
  if (!key) return false;
  // The token is of a customer that does not exist, so another program on the port learns nothing useful.
  const customerId = `customer_${randomId(Date.now())}`;
  const token = await createTokens({ key, clock: Date.now }).issue({ role: 'customer', id: customerId, customerId });
  const [known, unknown] = await Promise.all([statusOf(url, token), statusOf(url, `${token}x`)]);
  return known === 200 && unknown === 401;
}

async function statusOf(url: string, token: string): Promise<number | undefined> {
  try {
    const answer = await fetch(`${url}/v1/orders?limit=1`, {
      headers: { Authorization: `Bearer ${token}` },
      redirect: 'manual',
      signal: AbortSignal.timeout(ANSWER_TIMEOUT_MS),
    });
    await answer.body?.cancel();
    return answer.status;
  } catch {
    return undefined; // it speaks no HTTP, or does not answer
  }
}
