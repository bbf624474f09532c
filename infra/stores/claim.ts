// Verifies that a store belongs to this shop before the product uses it: same generation, same log, same master key.
import { OperatorError } from '../../domain/kernel/errors.js';
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
  /** Name of the event store that is used now. */
  eventStore: string;
  /** The event store of marks that do not name one. */
  defaultEventStore: string;
  /** The command that deletes all data of this shop if its log is in this event store. */
  reset(eventStore: string): string;
  /** The setting that a second shop beside the existing one must change. */
  elsewhere: string;
}

/**
 * Marks the stores that are empty. Returns the log's mark. Throws `StoreRefused` before any mark is left. With `imported`, the log's
 * commits were loaded under this id, and the stores have no marks yet.
 */
export async function claim(stores: Stores, claimant: Claimant, imported?: string): Promise<Mark> {
  const { log, others } = stores;
  const found = imported === undefined ? await examine(stores, claimant) : undefined;
  const mark = found ?? (await claimLog(log, claimant, imported));
  if (imported !== undefined && mark.log !== imported)
    throw new StoreRefused(`${log.name} was claimed by another process while a log was imported into it.`);
  await Promise.all(others.map((store) => claimOther(store, { mark, name: log.name }, claimant)));
  return mark;
}

/** Marks a store that is empty as one of this log. Throws `StoreRefused`. */
export async function claimOther(store: Store, log: { mark: Mark; name: string }, claimant: Claimant): Promise<void> {
  const found = (await store.mark()) ?? (await store.leaveMark(log.mark));
  requireSameLog(store, found, log, claimant);
}

/** Checks the stores without changing them. Returns the log's mark if it is in use. Throws `StoreRefused`. */
export async function examine({ log, others }: Stores, claimant: Claimant): Promise<Mark | undefined> {
  // The other stores are read before the log, because a process that claims them at the same time marks the log first.
  const marked = await Promise.all(others.map(async (store) => ({ store, found: await store.mark() })));
  const found = await log.mark();
  const mark = found && (await requireOwnLog(log, found, claimant));
  for (const { store, found } of marked) {
    if (found) requireSameLog(store, found, { mark, name: log.name }, claimant);
  }
  return mark;
}

async function claimLog(store: Store, claimant: Claimant, log = randomId(Date.now())): Promise<Mark> {
  const key = keyCheck(await claimant.loadKey(), log);
  const { eventStore } = claimant;
  const mark = await store.leaveMark({ generation: STORE_GENERATION, log, key, eventStore });
  return requireOwnLog(store, mark, claimant);
}

/** True if this log's personal data is sealed with this master key. */
export function isSealedWith(masterKey: Buffer, { log, key }: Mark): boolean {
  return keyCheck(masterKey, log) === key;
}

async function requireOwnLog(store: Store, found: Marked, claimant: Claimant): Promise<Mark> {
  const mark = requireReadable(store, found, claimant);
  const { findKey, keyPlace, elsewhere } = claimant;
  const reset = claimant.reset(claimant.eventStore);
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

function requireSameLog(
  store: Store,
  found: Marked,
  log: { mark: Mark | undefined; name: string },
  claimant: Claimant,
): void {
  const mark = requireReadable(store, found, claimant);
  if (mark.log === log.mark?.log) return;
  throw new StoreRefused(
    `${store.name} has data of a different log than the one in ${log.name}. Use the engines that belong together, or run \`${claimant.reset(claimant.eventStore)}\`, which deletes the data of both.`,
  );
}

function requireReadable(store: Store, found: Marked, claimant: Claimant): Mark {
  requireSameEventStore(store, found, claimant);
  const generation = typeof found === 'object' ? found.generation : 1;
  if (typeof found === 'object' && generation === STORE_GENERATION) return found;
  const whose = generation < STORE_GENERATION ? 'an older' : 'a newer';
  throw new StoreRefused(
    `${store.name} holds data of ${whose} build (generation ${generation}; this build reads ${STORE_GENERATION})${found === 'unmarked' ? ', or a log whose import was interrupted' : ''}. Run that build, or run \`${claimant.reset(claimant.eventStore)}\`, which deletes the data.`,
  );
}

/** Throws `StoreRefused` if the data belongs to a log in another event store. */
export function requireSameEventStore(store: Store, found: Marked, claimant: Claimant): void {
  const { eventStore, defaultEventStore, elsewhere, reset } = claimant;
  const made = (typeof found === 'object' && found.eventStore) || defaultEventStore;
  if (found === undefined || made === eventStore) return;
  throw new StoreRefused(
    `${store.name} has data of a shop whose event store is ${made}, but ${eventStore} was chosen. Choose ${made} with --event-store or COMMERCE_EVENT_STORE; for a separate shop name ${elsewhere}; \`${reset(made)}\` deletes the data.`,
  );
}

function keyCheck(masterKey: Buffer, log: string): string {
  return createKeyedHash(masterKey)('store mark', log);
}
