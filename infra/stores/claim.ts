// Verifies that a store belongs to this shop before the product uses it: same generation, same log, same master key.
import { OperatorError } from '../../domain/kernel/errors.js';
import { defined } from '../../domain/kernel/json.js';
import { createKeyedHash } from '../crypto/master-key.js';
import { randomId } from '../ids.js';
import { type Mark, type Marked, STORE_GENERATION, type Store, type Stores } from './store.js';

/** The data in a store is not this shop's, or this build cannot read it. */
export class StoreRefused extends OperatorError {
  override name = 'StoreRefused';
}

export interface Claimant {
  /** The master key, if there is one. */
  findKey(): Promise<Buffer | undefined>;
  /** Creates the key if there is none. */
  loadKey(): Promise<Buffer>;
  /** Location of the key, existing or not: a path or a variable. */
  keyPlace: string;
  /** The command that deletes all data of this shop. */
  reset: string;
  /** The setting that a second shop beside the existing one must change. */
  elsewhere: string;
}

/** Marks an empty log. Returns the log's mark. Throws `StoreRefused`. */
export async function claimLog(store: Store, claimant: Claimant): Promise<Mark> {
  const found = await store.mark();
  if (found !== undefined) return requireOwnLog(store, found, claimant);
  const log = randomId(Date.now());
  const key = keyCheck(await claimant.loadKey(), log);
  return requireOwnLog(store, await store.leaveMark({ generation: STORE_GENERATION, log, key }), claimant);
}

/** Marks an empty store as made from this log. Throws `StoreRefused`. */
export async function claimReadModels(
  store: Store,
  log: { mark: Mark; name: string },
  claimant: Pick<Claimant, 'reset'>,
): Promise<void> {
  requireOwnReadModels(store, (await store.mark()) ?? (await store.leaveMark(log.mark)), log, claimant);
}

/** Checks the stores without changing them. Returns whether the log is in use. Throws `StoreRefused`. */
export async function examine({ log, readModels }: Stores, claimant: Claimant): Promise<boolean> {
  const found = await log.mark();
  const mark = found && (await requireOwnLog(log, found, claimant));
  for (const store of readModels) {
    const marked = await store.mark();
    if (marked) requireOwnReadModels(store, marked, { ...defined({ mark }), name: log.name }, claimant);
  }
  return mark !== undefined;
}

/** True if this log's personal data is sealed with this master key. */
export function isSealedWith(masterKey: Buffer, { log, key }: Mark): boolean {
  return keyCheck(masterKey, log) === key;
}

async function requireOwnLog(
  store: Store,
  found: Marked,
  { findKey, keyPlace, reset, elsewhere }: Claimant,
): Promise<Mark> {
  const mark = requireGeneration(store, found, reset);
  const key = await findKey();
  if (!key) {
    throw new StoreRefused(
      `The master key is missing: ${keyPlace} does not exist, and ${store.name} has personal data that was sealed with it. Restore the key, or set COMMERCE_MASTER_KEY; for a separate shop name ${elsewhere}; \`${reset}\` deletes all that is there.`,
    );
  }
  if (!isSealedWith(key, mark)) {
    throw new StoreRefused(
      `The master key in ${keyPlace} is not the key of the personal data in ${store.name}. Use the right key; for a separate shop name ${elsewhere}; \`${reset}\` deletes all that is there.`,
    );
  }
  return mark;
}

function requireOwnReadModels(
  store: Store,
  found: Marked,
  log: { mark?: Mark; name: string },
  { reset }: Pick<Claimant, 'reset'>,
): void {
  const mark = requireGeneration(store, found, reset);
  if (mark.log === log.mark?.log) return;
  throw new StoreRefused(
    `${store.name} has read models of a different log than the one in ${log.name}. Use the engines that belong together, or run \`${reset}\`, which deletes the data of both.`,
  );
}

function requireGeneration(store: Store, found: Marked, reset: string): Mark {
  const generation = typeof found === 'object' ? found.generation : 1;
  if (typeof found === 'object' && generation === STORE_GENERATION) return found;
  const whose = generation < STORE_GENERATION ? 'an older' : 'a newer';
  throw new StoreRefused(
    `${store.name} holds data of ${whose} build (generation ${generation}; this build reads ${STORE_GENERATION}). Run that build, or run \`${reset}\`, which deletes the data.`,
  );
}

function keyCheck(masterKey: Buffer, log: string): string {
  return createKeyedHash(masterKey)('store mark', log);
}
