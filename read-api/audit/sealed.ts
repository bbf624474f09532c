// Sealed values anywhere in the data of an event or in a state.
import { isSealed, type Sealed } from '../../domain/kernel/personal.js';

/** The same value, with each sealed value in it replaced. */
export async function replaceSealed(value: unknown, replace: (sealed: Sealed) => unknown): Promise<unknown> {
  if (isSealed(value)) return replace(value);
  if (Array.isArray(value)) return Promise.all(value.map((one) => replaceSealed(one, replace)));
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).map(async ([name, one]) => [name, await replaceSealed(one, replace)]);
  return Object.fromEntries(await Promise.all(entries));
}
