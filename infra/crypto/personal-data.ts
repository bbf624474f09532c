// Seals personal fields with one data key per data subject (AES-256-GCM), and opens them while that key exists.
import { createSecretKey, type KeyObject, randomBytes } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import { OperatorError, Problem } from '../../domain/kernel/errors.js';
import type { DomainEvent, EventTypes } from '../../domain/kernel/event.js';
import { FORGOTTEN, isSealed, type PersonalData, type Sealed } from '../../domain/kernel/personal.js';
import { decrypt, encrypt, KEY_BYTES } from './aes-gcm.js';
import type { KeyWrap } from './key-wrap.js';
import type { SubjectKey, SubjectKeys } from './subject-keys.js';

/**
 * How long a process uses a data key without asking the store again. After `forget`, other processes may open sealed values for
 * this long. The process that forgets stops at once.
 */
export const DATA_KEY_TTL_MS = 30_000;

const CACHED_DATA_KEYS = 10_000;

/**
 * A sealed value was changed or moved to another subject, or its key is lost. It must be restored; it is not a forgotten value.
 */
export class SealBroken extends OperatorError {
  override name = 'SealBroken';
  constructor({ sealed, at }: Sealed, reason: string, options?: ErrorOptions) {
    super(`The personal value of ${sealed} at ${at} cannot be opened: ${reason}`, options);
  }
}

export function createPersonalData({
  keys,
  keyWrap,
  eventTypes,
  now = () => performance.now(),
}: {
  keys: SubjectKeys;
  keyWrap: KeyWrap;
  eventTypes: EventTypes;
  /** Milliseconds from an arbitrary start, for the age of cached keys. */
  now?: () => number;
}): PersonalData {
  // Promises, so that concurrent callers ask the store once.
  const cache = new LRUCache<string, Promise<DataKey>>({
    max: CACHED_DATA_KEYS,
    ttl: DATA_KEY_TTL_MS,
    ttlResolution: 0,
    perf: { now },
  });

  function dataKeyOf(subject: string, load: (subject: string) => Promise<DataKey>): Promise<DataKey> {
    const cached = cache.get(subject);
    if (cached) return cached;
    const loading = load(subject);
    cache.set(subject, loading);
    loading.catch(() => {
      if (cache.peek(subject) === loading) cache.delete(subject);
    });
    return loading;
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
    const kept = await dataKeyOf(subject, loadOrCreate);
    if (kept === 'forgotten' && !personal.afterForgetting)
      throw new Problem('rule_violated', `${subject} was forgotten: its personal data cannot be recorded again.`);
    const key = kept === 'forgotten' ? createSecretKey(randomBytes(KEY_BYTES)) : kept;
    const sealed = fields.map((field) => [
      field,
      sealValue(key, subject, `${stream}/${version}/${field}`, data[field]),
    ]);
    return { ...event, data: { ...data, ...Object.fromEntries(sealed) } };
  }

  async function open<T>(value: T | Sealed) {
    if (!isSealed(value)) return value;
    const key = await dataKeyOf(value.sealed, async (subject) => {
      const found = await keys.get(subject);
      if (!found)
        throw new SealBroken(
          value,
          'the key store never had its key. Use the store of this log, or restore a backup, which has the keys.',
        );
      return unwrap(subject, found);
    });
    return key === 'forgotten' ? FORGOTTEN : (openValue(key, value) as T);
  }

  return {
    seal,
    open,
    async forget(subject) {
      await keys.forget(subject);
      cache.delete(subject);
    },
  };
}

type DataKey = KeyObject | 'forgotten';

function sealValue(key: KeyObject, subject: string, at: string, value: unknown): Sealed {
  const box = encrypt(key, Buffer.from(JSON.stringify(value)), at);
  return { sealed: subject, at, box: box.toString('base64url') };
}

function openValue(key: KeyObject, value: Sealed): unknown {
  try {
    return JSON.parse(decrypt(key, Buffer.from(value.box, 'base64url'), value.at).toString());
  } catch (error) {
    throw new SealBroken(value, 'it was changed, or sealed with another key.', { cause: error });
  }
}
