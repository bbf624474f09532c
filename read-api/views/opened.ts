// Opens the sealed values of answers. Forgotten values are left out.
import { defined } from '../../domain/kernel/json.js';
import { isForgotten, type Personal, type PersonalData } from '../../domain/kernel/personal.js';
import type { ReturnView, SealedReturnView } from '../../projections/models/return-view.js';

export type Opener = Pick<PersonalData, 'open'>;

export async function opened<T>(value: Personal<T> | undefined, personal: Opener): Promise<T | undefined> {
  if (value === undefined) return undefined;
  const plain = await personal.open(value);
  return isForgotten(plain) ? undefined : plain;
}

type WithReason = { reason?: Personal<string> };
type Opened<E extends WithReason> = Omit<E, 'reason'> & { reason?: string };

export async function openedReason<E extends WithReason>(entry: E, personal: Opener): Promise<Opened<E>> {
  const { reason, ...rest } = entry;
  return { ...rest, ...defined({ reason: await opened(reason, personal) }) };
}

export function openedReasons<E extends WithReason>(entries: readonly E[], personal: Opener): Promise<Opened<E>[]> {
  return Promise.all(entries.map((entry) => openedReason(entry, personal)));
}

export async function openedReturn<V extends Omit<SealedReturnView, 'orderId' | 'location'>>(
  { lines, reasons: sealed, declineReason, ...view }: V,
  personal: Opener,
): Promise<Omit<V, 'lines' | 'reasons' | 'declineReason'> & Pick<ReturnView, 'lines' | 'declineReason'>> {
  const reasons = await opened(sealed, personal);
  return {
    ...view,
    lines: lines.map((units, n) => ({ ...units, ...defined({ reason: reasons?.[n] }) })),
    ...defined({ declineReason: await opened(declineReason, personal) }),
  };
}
