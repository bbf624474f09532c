// Data keys under AWS KMS. KMS wraps one key of the shop, and that key wraps the data keys here, so that a request asks KMS for
// nothing in the usual case. Data keys that the local master key wrapped stay readable.
import { createSecretKey, type KeyObject } from 'node:crypto';
import { DecryptCommand, GenerateDataKeyCommand, KMSClient } from '@aws-sdk/client-kms';
import { OperatorError, Unavailable } from '../../domain/kernel/errors.js';
import { type AwsOptions, clientConfig, isTransient } from '../aws.js';
import { reasonOf, withinBudget } from '../retry.js';
import { decrypt, encrypt } from './aes-gcm.js';
import { isUnderKms, type KeyWrap, KMS_MARK } from './key-wrap.js';
import { KEY_STORE_BUDGET_MS, type SubjectKey, type SubjectKeys } from './subject-keys.js';

const ENGINE = 'KMS';
const KMS_TIMEOUT_MS = 2_000;

/** How long a process uses the key of the shop without asking KMS again, and so works on after the KMS key was disabled. */
export const SHOP_KEY_TTL_MS = 10 * 60_000;

/** The place of the key of the shop in the key store. No id of a person has a `#`. */
export const SHOP_KEY = '#shop-key-1';

/** All actions that IAM must allow on the KMS key. @public */
export const KMS_ACTIONS = ['kms:GenerateDataKey', 'kms:Decrypt'] as const;

export function createKmsClient(options: AwsOptions): KMSClient {
  return new KMSClient(clientConfig(options, KMS_TIMEOUT_MS));
}

export interface KmsKeyWrapDeps {
  client: KMSClient;
  /** Id, ARN or alias (`alias/…`) of a symmetric KMS key. */
  keyId: string;
  /** The id of the shop's log. KMS refuses the key of the shop for any other, and CloudTrail shows it. */
  shop: string;
  keys: SubjectKeys;
  /** Reads the data keys that were wrapped before the shop used KMS. */
  local: Pick<KeyWrap, 'unwrap'>;
  /** Milliseconds from an arbitrary start. */
  now?: () => number;
}

/** Fails as `Unavailable` while KMS does not answer, refuses, or has the key disabled. Nothing is lost: a repeat works later. */
export function createKmsKeyWrap(deps: KmsKeyWrapDeps): KeyWrap {
  const { client, keyId: KeyId, shop, keys, local, now = () => performance.now() } = deps;
  const EncryptionContext = { shop, subject: SHOP_KEY };
  let known: { key: Promise<KeyObject>; until: number } | undefined;

  /** Concurrent callers share one request. A failure is not remembered. */
  function shopKey(ifMissing: () => Promise<SubjectKey>): Promise<KeyObject> {
    if (known && now() < known.until) return known.key;
    const asked = { key: load(ifMissing), until: now() + SHOP_KEY_TTL_MS };
    known = asked;
    asked.key.catch(() => {
      if (known === asked) known = undefined;
    });
    return asked.key;
  }

  async function load(ifMissing: () => Promise<SubjectKey>): Promise<KeyObject> {
    const stored = (await keys.get(SHOP_KEY)) ?? (await ifMissing());
    if ('forgotten' in stored) throw missing();
    const { Plaintext } = await ask(() =>
      client.send(new DecryptCommand({ KeyId, CiphertextBlob: stored.wrapped, EncryptionContext })),
    );
    return createSecretKey(given(Plaintext));
  }

  /** If processes compete, the first one wins, and all use its key. */
  async function create(): Promise<SubjectKey> {
    const { CiphertextBlob } = await ask(() =>
      client.send(new GenerateDataKeyCommand({ KeyId, KeySpec: 'AES_256', EncryptionContext })),
    );
    return keys.createIfAbsent(SHOP_KEY, given(CiphertextBlob));
  }

  return {
    wrap: async (dataKey, subject) => Buffer.concat([KMS_MARK, encrypt(await shopKey(create), dataKey, subject)]),
    async unwrap(wrapped, subject) {
      if (!isUnderKms(wrapped)) return local.unwrap(wrapped, subject);
      // A new key of the shop could not unwrap it, and would be in the way of the old one.
      const key = await shopKey(() => Promise.reject(missing()));
      try {
        return decrypt(key, wrapped.subarray(KMS_MARK.length), subject);
      } catch (cause) {
        throw new KmsKeyInvalid(`The data key of ${subject} was changed, or belongs to another shop or subject.`, {
          cause,
        });
      }
    },
  };
}

function missing(): KmsKeyInvalid {
  return new KmsKeyInvalid(`The key store has no ${SHOP_KEY}, which wraps the data keys. Restore the key store.`);
}

/** A key cannot be unwrapped, and a repeat would not help. */
export class KmsKeyInvalid extends OperatorError {
  override name = 'KmsKeyInvalid';
}

/** The ciphertext, the context and the KMS key do not belong together. */
const MISMATCHES = new Set(['InvalidCiphertextException', 'IncorrectKeyException']);

async function ask<T>(request: () => Promise<T>): Promise<T> {
  try {
    return await withinBudget({ engine: ENGINE, budgetMs: KEY_STORE_BUDGET_MS, isRetryable: isTransient }, request);
  } catch (error) {
    if (error instanceof Unavailable) throw error;
    if (MISMATCHES.has((error as Error).name))
      throw new KmsKeyInvalid(
        `KMS refuses the key of the shop: COMMERCE_KMS_KEY names another key than the one that wrapped it, or the key store is of another shop.`,
        { cause: error },
      );
    // Disabled, about to be deleted, not allowed, not found: an operator can mend all of them, and no data is lost.
    throw unavailable(error);
  }
}

const RETRY_AFTER_S = 30;

function unavailable(error: unknown): Unavailable {
  const refusal = new Unavailable(ENGINE, `${(error as Error).name}: ${reasonOf(error)}`, RETRY_AFTER_S);
  refusal.cause = error;
  return refusal;
}

function given(bytes: Uint8Array | undefined): Uint8Array {
  if (!bytes) throw new Error('KMS answered without a key.');
  return bytes;
}
