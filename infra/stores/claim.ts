// Before the product uses a store it makes sure that the store is this shop's: same generation, same log, same master key.
import { OperatorError } from '../../domain/kernel/errors.js';
import { createKeyedHash } from '../crypto/master-key.js';
import { randomId } from '../ids.js';
import { type Mark, type Marked, STORE_GENERATION, type Store, type Stores } from './store.js';

/** What a store holds is not this shop's, or cannot be read by this build. */
export class StoreRefused extends OperatorError {
  override name = 'StoreRefused';
}

export interface Claimant {
  /** The master key, if there is one. */
  findKey(): Promise<Buffer | undefined>;
  /** Makes it if there is none. */
  loadKey(): Promise<Buffer>;
  /** Where the key is or would be: a path or a variable. */
  keyPlace: string;
  /** The command that deletes all data of this shop. */
  reset: string;
  /** What to name for a shop beside the one that is there. */
  elsewhere: string;
}

/** Marks a log that is empty. Answers the log's mark. Throws `StoreRefused`. */
export async function claimLog(store: Store, claimant: Claimant): Promise<Mark> {
  const found = await store.mark();
  if (found !== undefined) return requireOwnLog(store, found, claimant);
  const log = randomId(Date.now());
  const key = keyCheck(await claimant.loadKey(), log);
  return requireOwnLog(store, await store.leaveMark({ generation: STORE_GENERATION, log, key }), claimant);
}

/** Marks a store that is empty as made from this log. Throws `StoreRefused`. */
export async function claimReadModels(
  store: Store,
  log: { mark: Mark; name: string },
  claimant: Pick<Claimant, 'reset'>,
): Promise<void> {
  requireOwnReadModels(store, (await store.mark()) ?? (await store.leaveMark(log.mark)), log, claimant);
}

/** Looks and changes nothing. Answers whether the log has been used yet. Throws `StoreRefused`. */
export async function examine({ log, readModels }: Stores, claimant: Claimant): Promise<boolean> {
  const found = await log.mark();
  const mark = found && (await requireOwnLog(log, found, claimant));
  for (const store of readModels) {
    const marked = await store.mark();
    if (marked) requireOwnReadModels(store, marked, { ...(mark && { mark }), name: log.name }, claimant);
  }
  return mark !== undefined;
}

/** Whether this log's personal data is sealed with this master key. */
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
