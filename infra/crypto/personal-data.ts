// Seals personal fields with one data key per data subject (AES-256-GCM), and opens them while that key exists.
import { createHmac, createSecretKey, type KeyObject, randomBytes } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import { Problem } from '../../domain/kernel/errors.js';
import type { DomainEvent, EventTypes } from '../../domain/kernel/event.js';
import { FORGOTTEN, type Forgotten, isSealed, type PersonalData, type Sealed } from '../../domain/kernel/personal.js';
import { decrypt, encrypt, KEY_BYTES, NONCE_BYTES } from './aes-gcm.js';
import type { KeyWrap } from './key-wrap.js';
import type { SubjectKey, SubjectKeys } from './subject-keys.js';

/**
 * How long a process uses a data key without asking the store again. After `forget`, other processes may open sealed values for
 * this long. The process that forgets stops at once.
 */
export const DATA_KEY_TTL_MS = 30_000;

const CACHED_DATA_KEYS = 10_000;

export function createPersonalData({
  keys,
  keyWrap,
  eventTypes,
  onUnreadable = () => {},
  now = () => performance.now(),
}: {
  keys: SubjectKeys;
  keyWrap: KeyWrap;
  eventTypes: EventTypes;
  /** A value cannot be opened, although its subject was not forgotten. */
  onUnreadable?: (value: Sealed, because: string) => void;
  /** Milliseconds from an arbitrary start, for the age of cached keys. */
  now?: () => number;
}): PersonalData {
  // Promises, so that concurrent callers ask the store once. A missing key is not remembered: another process may create it.
  const cache = new LRUCache<string, Promise<DataKey | 'missing'>>({
    max: CACHED_DATA_KEYS,
    ttl: DATA_KEY_TTL_MS,
    ttlResolution: 0,
    perf: { now },
  });

  function remembered<K extends DataKey | 'missing'>(subject: string, loading: Promise<K>): Promise<K> {
    const drop = () => {
      if (cache.peek(subject) === loading) cache.delete(subject);
    };
    cache.set(subject, loading);
    loading.then((key) => key === 'missing' && drop(), drop);
    return loading;
  }

  async function load(subject: string): Promise<DataKey | 'missing'> {
    const found = await keys.get(subject);
    return found ? unwrap(subject, found) : 'missing';
  }

  async function keyToSeal(subject: string): Promise<DataKey> {
    const cached = cache.get(subject);
    const known = cached && (await cached);
    return known === undefined || known === 'missing' ? remembered(subject, loadOrCreate(subject)) : known;
  }

  /**
   * Tries to create first, because a subject with new personal data is usually new, as guests are. Otherwise the store returns
   * its key.
   */
  async function loadOrCreate(subject: string): Promise<DataKey> {
    const wrapped = await keyWrap.wrap(randomBytes(KEY_BYTES), subject);
    return unwrap(subject, await keys.createIfAbsent(subject, wrapped));
  }

  async function unwrap(subject: string, key: SubjectKey): Promise<DataKey> {
    return 'forgotten' in key ? 'forgotten' : createSecretKey(await keyWrap.unwrap(key.wrapped, subject));
  }

  async function seal<E extends DomainEvent>(event: E, stream: string, version: number): Promise<E> {
    const { personal } = eventTypes.definition(event.type);
    const data = event.data as Record<string, unknown>;
    const fields = (personal?.fields ?? []).filter((field) => data[field] !== undefined && !isSealed(data[field]));
    if (!personal || fields.length === 0) return event;

    const subject = personal.subject(data as never);
    const kept = await keyToSeal(subject);
    if (kept === 'forgotten' && !personal.afterForgetting)
      throw new Problem('rule_violated', `${subject} was forgotten: its personal data cannot be recorded again.`);
    const key = kept === 'forgotten' ? createSecretKey(randomBytes(KEY_BYTES)) : kept;
    const sealed = fields.map((field) => [
      field,
      sealValue(key, subject, `${stream}/${version}/${field}`, data[field]),
    ]);
    return { ...event, data: { ...data, ...Object.fromEntries(sealed) } };
  }

  async function sealFor<T>(subject: string, place: string, value: T): Promise<Sealed> {
    const kept = await keyToSeal(subject);
    if (kept === 'forgotten') return sealValue(createSecretKey(randomBytes(KEY_BYTES)), subject, place, value);
    return sealValue(kept, subject, place, value, nonceOf(kept, place, value));
  }

  async function open<T>(value: T | Sealed): Promise<T | Forgotten> {
    if (!isSealed(value)) return value;
    const key = await (cache.get(value.sealed) ?? remembered(value.sealed, load(value.sealed)));
    if (key === 'forgotten') return FORGOTTEN;
    const opened = key === 'missing' ? { because: NO_KEY } : openValue(key, value);
    if ('plain' in opened) return opened.plain as T;
    onUnreadable(value, opened.because);
    return { ...FORGOTTEN, because: opened.because };
  }

  return {
    seal,
    sealFor,
    open,
    async forget(subject) {
      await keys.forget(subject);
      cache.delete(subject);
    },
  };
}

type DataKey = KeyObject | 'forgotten';

const NO_KEY = 'the key store does not have its key';
const CHANGED = 'it was changed or sealed with another key';

function sealValue(key: KeyObject, subject: string, at: string, value: unknown, nonce?: Uint8Array): Sealed {
  const box = encrypt(key, Buffer.from(JSON.stringify(value)), at, nonce);
  return { sealed: subject, at, box: box.toString('base64url') };
}

/** The same for the same value at the same place, and for no other. It is keyed, so it says nothing about the value. */
function nonceOf(key: KeyObject, place: string, value: unknown): Uint8Array {
  const nonceKey = createHmac('sha256', key).update('nonces').digest();
  return createHmac('sha256', nonceKey)
    .update(JSON.stringify([place, value]))
    .digest()
    .subarray(0, NONCE_BYTES);
}

function openValue(key: KeyObject, { box, at }: Sealed): { plain: unknown } | { because: string } {
  let text: Buffer;
  try {
    text = decrypt(key, Buffer.from(box, 'base64url'), at);
  } catch {
    return { because: CHANGED };
  }
  return { plain: JSON.parse(text.toString()) };
}
