import { randomBytes } from 'node:crypto';
import {
  CreateAliasCommand,
  CreateKeyCommand,
  DecryptCommand,
  DisableKeyCommand,
  EnableKeyCommand,
  EncryptCommand,
  type KMSClient,
} from '@aws-sdk/client-kms';
import { expect } from 'chai';
import { Unavailable } from '../../domain/kernel/errors.js';
import { describeOnAws, type Fault, injectFaults, recordOperations } from '../../test/aws.js';
import { keyWrapContract } from '../../test/contracts/key-wrap.contract.js';
import { personalDataContract } from '../../test/contracts/personal-data.contract.js';
import { freshName } from '../../test/engines.js';
import { createMemorySubjectKeys } from '../../test/memory-subject-keys.js';
import { the } from '../../test/the.js';
import { recordParts } from '../modules/aws/records.js';
import { createLifecycle } from '../modules/lifecycle.js';
import { isUnderKms, type KeyWrap } from './key-wrap.js';
import { createKmsKeyWrap, KMS_ACTIONS, SHOP_KEY, SHOP_KEY_TTL_MS } from './kms-key-wrap.js';
import { createLocalKeyWrap } from './master-key.js';
import type { SubjectKeys } from './subject-keys.js';

describe('Data keys under the local master key', () => {
  const masterKey = randomBytes(32);
  keyWrapContract(async () => ({
    own: () => createLocalKeyWrap(masterKey),
    foreign: () => createLocalKeyWrap(randomBytes(32)),
  }));
});

describeOnAws('Data keys under KMS', (aws) => {
  let keyId: string;
  before(async () => {
    keyId = await newKey(aws.kms());
  });

  const local = createLocalKeyWrap(randomBytes(32));
  const wrapOf = (keys: SubjectKeys, options: Partial<Parameters<typeof createKmsKeyWrap>[0]> = {}) =>
    createKmsKeyWrap({ client: aws.kms(), keyId, shop: 'shop-1', keys, local, ...options });

  keyWrapContract(async () => {
    const keys = createMemorySubjectKeys();
    return {
      own: () => wrapOf(keys),
      foreign: () => wrapOf(keys, { shop: 'shop-2' }),
    };
  });

  describe('with everything that personal data needs', () => {
    personalDataContract(
      async () => createMemorySubjectKeys(),
      async (keys) => wrapOf(keys),
    );
  });

  it('is what the profile aws has if a KMS key is configured, and its name may be an alias', async () => {
    const client = aws.kms();
    const AliasName = `alias/${freshName('data_keys')}`;
    await client.send(new CreateAliasCommand({ AliasName, TargetKeyId: keyId }));
    const lifecycle = createLifecycle();
    const keys = createMemorySubjectKeys();
    const partsWith = (kmsKey?: string) => ({
      config: { kmsKey },
      awsOptions: { ...aws.options(), address: '' },
      masterKey: randomBytes(32),
      claimed: { log: 'log_1' },
      subjectKeys: keys,
      lifecycle,
    });
    const openWrap = (kmsKey?: string) => recordParts.keyWrap(partsWith(kmsKey) as never).make();
    const wrapped = await (await openWrap(AliasName)).wrap(Buffer.alloc(32), 'customer_1');
    expect(isUnderKms(wrapped)).to.equal(true);
    expect(isUnderKms(await (await openWrap()).wrap(Buffer.alloc(32), 'customer_1'))).to.equal(false);
    const own = wrapOf(keys, { client, shop: 'log_1' });
    expect(Buffer.from(await own.unwrap(wrapped, 'customer_1'))).to.deep.equal(Buffer.alloc(32));
    await lifecycle.close();
  });

  it('asks KMS once for many subjects, however many requests come at once, and again after ten minutes', async () => {
    let elapsed = 0;
    const client = aws.kms();
    const operations = recordOperations(client);
    const wrap = wrapOf(createMemorySubjectKeys(), { client, now: () => elapsed });
    await Promise.all(Array.from({ length: 50 }, (_, n) => roundTrip(wrap, `customer_${n}`)));
    expect(operations).to.deep.equal(['GenerateDataKey', 'Decrypt']);
    elapsed = SHOP_KEY_TTL_MS;
    await roundTrip(wrap, 'customer_1');
    expect(operations).to.deep.equal(['GenerateDataKey', 'Decrypt', 'Decrypt']);
    expect(new Set(operations.map((operation) => `kms:${operation}`))).to.deep.equal(new Set(KMS_ACTIONS));
  });

  it('makes one key of the shop, even if eight processes start at once', async () => {
    const keys = createMemorySubjectKeys();
    const wraps = Array.from({ length: 8 }, () => wrapOf(keys));
    const wrapped = await Promise.all(wraps.map((wrap, n) => wrap.wrap(Buffer.alloc(32, n), 'customer_1')));
    const opened = await Promise.all(wrapped.map((one, n) => the(wraps.at(n - 1)).unwrap(one, 'customer_1')));
    for (const [n, key] of opened.entries()) expect(Buffer.from(key)).to.deep.equal(Buffer.alloc(32, n));
  });

  it('names the shop and the subject of the key to KMS, which refuses it for others', async () => {
    const keys = createMemorySubjectKeys();
    await roundTrip(wrapOf(keys), 'customer_1');
    const stored = the(await keys.get(SHOP_KEY));
    if (!('wrapped' in stored)) throw new Error('the key of the shop is not there');
    const decrypting = (EncryptionContext: Record<string, string>) =>
      aws.kms().send(new DecryptCommand({ KeyId: keyId, CiphertextBlob: stored.wrapped, EncryptionContext }));
    expect((await decrypting({ shop: 'shop-1', subject: SHOP_KEY })).Plaintext).to.have.length(32);
    const refused = await decrypting({ shop: 'shop-2', subject: SHOP_KEY }).catch((error: Error) => error);
    expect(refused).to.have.property('name', 'InvalidCiphertextException');
  });

  it('moves to another KMS key with one record, and every data key stays readable', async () => {
    const client = aws.kms();
    const before = createMemorySubjectKeys();
    const dataKey = randomBytes(32);
    const wrapped = await wrapOf(before).wrap(dataKey, 'customer_1');
    const stored = the(await before.get(SHOP_KEY));
    if (!('wrapped' in stored)) throw new Error('the key of the shop is not there');

    const newKeyId = await newKey(client);
    const EncryptionContext = { shop: 'shop-1', subject: SHOP_KEY };
    const old = { KeyId: keyId, CiphertextBlob: stored.wrapped, EncryptionContext };
    const { Plaintext } = await client.send(new DecryptCommand(old));
    const { CiphertextBlob } = await client.send(new EncryptCommand({ KeyId: newKeyId, Plaintext, EncryptionContext }));
    const after = createMemorySubjectKeys();
    await after.createIfAbsent(SHOP_KEY, the(CiphertextBlob));
    expect(Buffer.from(await wrapOf(after, { keyId: newKeyId }).unwrap(wrapped, 'customer_1'))).to.deep.equal(dataKey);
  });

  it('reads data keys that the local master key has wrapped', async () => {
    const dataKey = randomBytes(32);
    const wrapped = await local.wrap(dataKey, 'customer_1');
    const client = aws.kms();
    const operations = recordOperations(client);
    expect(await wrapOf(createMemorySubjectKeys(), { client }).unwrap(wrapped, 'customer_1')).to.deep.equal(dataKey);
    expect(operations).to.deep.equal([]);
  });

  it('says what is missing if a shop under KMS starts without it', async () => {
    const wrapped = await wrapOf(createMemorySubjectKeys()).wrap(randomBytes(32), 'customer_1');
    const refused = await local.unwrap(wrapped, 'customer_1').catch((error: Error) => error);
    expect(refused).to.have.property('message').that.includes('set COMMERCE_KMS_KEY');
  });

  it('makes no new key of the shop to unwrap what an old one has wrapped, so that a restored one is not in its way', async () => {
    const wrapped = await wrapOf(createMemorySubjectKeys()).wrap(randomBytes(32), 'customer_1');
    const keys = createMemorySubjectKeys();
    const refused = await wrapOf(keys)
      .unwrap(wrapped, 'customer_1')
      .catch((error: Error) => error);
    expect(refused).to.have.property('message').that.includes('Restore the key store');
    expect(await keys.get(SHOP_KEY)).to.equal(undefined);
  });

  it('waits out throttling and lost connections', async () => {
    const client = aws.kms();
    const faults: Fault[] = [
      { error: 'ThrottlingException' },
      'no connection',
      { error: 'KMSInternalException', status: 500 },
      'reply lost',
    ];
    injectFaults(client, () => faults.shift());
    await roundTrip(wrapOf(createMemorySubjectKeys(), { client }), 'customer_1');
    expect(faults).to.deep.equal([]);
  });

  it('is unavailable while KMS refuses, remembers no failure, and loses nothing', async () => {
    const keys = createMemorySubjectKeys();
    const dataKey = randomBytes(32);
    const wrapped = await wrapOf(keys).wrap(dataKey, 'customer_1');
    const refusals = ['DisabledException', 'KMSInvalidStateException', 'AccessDeniedException', 'NotFoundException'];
    for (const error of refusals) {
      const client = aws.kms();
      let isAway = true;
      injectFaults(client, () => (isAway ? { error } : undefined));
      const wrap = wrapOf(keys, { client });
      for (const attempt of [wrap.unwrap(wrapped, 'customer_1'), wrap.wrap(dataKey, 'customer_2')]) {
        const refused = await attempt.catch((failure: unknown) => failure);
        expect(refused).to.be.instanceOf(Unavailable).with.property('message').that.includes(error);
      }
      isAway = false;
      expect(Buffer.from(await wrap.unwrap(wrapped, 'customer_1'))).to.deep.equal(dataKey);
    }
  });

  it('is unavailable while its key is disabled, and works again once it is enabled', async () => {
    const client = aws.kms();
    const KeyId = await newKey(client);
    const keys = createMemorySubjectKeys();
    const wrapped = await wrapOf(keys, { keyId: KeyId }).wrap(randomBytes(32), 'customer_1');
    const restarted = wrapOf(keys, { keyId: KeyId });
    await client.send(new DisableKeyCommand({ KeyId }));
    expect(await restarted.unwrap(wrapped, 'customer_1').catch((error: unknown) => error)).to.be.instanceOf(
      Unavailable,
    );
    await client.send(new EnableKeyCommand({ KeyId }));
    expect(await restarted.unwrap(wrapped, 'customer_1')).to.have.length(32);
  });
});

async function newKey(client: KMSClient): Promise<string> {
  const { KeyMetadata } = await client.send(new CreateKeyCommand({ Description: freshName('data_keys') }));
  return the(KeyMetadata?.KeyId);
}

async function roundTrip(wrap: KeyWrap, subject: string): Promise<void> {
  const dataKey = randomBytes(32);
  expect(Buffer.from(await wrap.unwrap(await wrap.wrap(dataKey, subject), subject))).to.deep.equal(dataKey);
}
