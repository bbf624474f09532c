// The contract of sealing, opening and forgetting, for every store of data keys.
import { randomBytes, randomUUID } from 'node:crypto';
import { expect } from 'chai';
import fc from 'fast-check';
import { z } from 'zod';
import { isProblem } from '../../domain/kernel/errors.js';
import { eventTypesOf } from '../../domain/kernel/event.js';
import {
  FORGOTTEN,
  isForgotten,
  isSealed,
  type PersonalData,
  personal,
  type Sealed,
} from '../../domain/kernel/personal.js';
import type { KeyWrap } from '../../infra/crypto/key-wrap.js';
import { createLocalKeyWrap } from '../../infra/crypto/master-key.js';
import { createPersonalData, DATA_KEY_TTL_MS } from '../../infra/crypto/personal-data.js';
import type { SubjectKeys } from '../../infra/crypto/subject-keys.js';
import { the } from '../the.js';

const eventTypes = eventTypesOf({
  AddressChanged: {
    version: 1,
    data: z.object({
      customer: z.string(),
      name: personal(z.string()),
      address: personal(z.unknown()),
      city: z.string(),
    }),
    personal: { subject: ({ customer }) => customer, fields: ['name', 'address'] },
  },
  CardUsed: {
    version: 1,
    data: z.object({ customer: z.string(), last4: personal(z.string()) }),
    personal: { subject: ({ customer }) => customer, fields: ['last4'], afterForgetting: 'recorded' },
  },
  CustomerTagged: { version: 1, data: z.object({ tag: z.string() }) },
});

type AddressChanged = {
  type: 'AddressChanged';
  data: { customer: string; name?: string | Sealed; address?: unknown; city: string };
};

/** `open` returns the same store each time. Without `wrapOf` a local master key wraps the data keys. */
export function personalDataContract(
  open: () => Promise<SubjectKeys>,
  wrapOf: (keys: SubjectKeys) => Promise<KeyWrap> = async () => createLocalKeyWrap(randomBytes(32)),
): void {
  const STREAM = 'customer#1';
  let keys: SubjectKeys;
  let keyWrap: KeyWrap;
  let data: PersonalData;
  let subject: string;

  before(async () => {
    keys = await open();
    keyWrap = await wrapOf(keys);
  });

  beforeEach(() => {
    data = createPersonalData({ keys, keyWrap, eventTypes });
    subject = `customer_${randomUUID()}`;
  });

  const moved = (values: Partial<AddressChanged['data']>): AddressChanged => ({
    type: 'AddressChanged',
    data: { customer: subject, city: 'Leeds', ...values },
  });

  const sealName = async (name: string, by = data): Promise<Sealed> => {
    const { data: sealed } = await by.seal(moved({ name }), STREAM, 7);
    if (!isSealed(sealed.name)) throw new Error('the name is not sealed');
    return sealed.name;
  };

  it('opens any JSON value that it sealed', async () => {
    await fc.assert(
      fc.asyncProperty(fc.jsonValue(), fc.string(), async (address, name) => {
        const sealed = await data.seal(moved({ address, name }), STREAM, 1);
        expect(isSealed(sealed.data.address)).to.equal(true);
        expect(await data.open(sealed.data.address)).to.deep.equal(JSON.parse(JSON.stringify(address)));
        expect(await data.open(sealed.data.name)).to.equal(name);
      }),
      { numRuns: 30 },
    );
  });

  it('seals only existing personal fields, and leaves the rest of the event unchanged', async () => {
    const event = moved({ name: 'Ada' });
    const sealed = await data.seal(event, STREAM, 7);
    expect(Object.keys(sealed.data)).to.have.members(['customer', 'city', 'name']);
    expect(sealed.data.city).to.equal('Leeds');
    expect(JSON.stringify(sealed)).not.to.include('Ada');
    expect(event.data.name).to.equal('Ada');

    const tagged = { type: 'CustomerTagged', data: { tag: 'vip' } };
    expect(await data.seal(tagged, STREAM, 1)).to.equal(tagged);
  });

  it('does not seal a sealed field again, and returns a plain value unchanged', async () => {
    const name = await sealName('Ada');
    const again = await data.seal(moved({ name, address: 'Elm Street' }), 'order#9', 1);
    expect(again.data.name).to.equal(name);
    expect(await data.open('plain')).to.equal('plain');
  });

  it('binds a value to its stream, version and field, so that a moved or changed value does not open', async () => {
    const name = await sealName('Ada');
    expect(name.at).to.equal(`${STREAM}/7/name`);
    const box = Buffer.from(name.box, 'base64url');
    box[box.length >> 1]! ^= 1;
    for (const broken of [
      { ...name, at: `${STREAM}/8/name` },
      { ...name, box: box.toString('base64url') },
      { ...name, box: '' },
    ])
      expect(await data.open(broken))
        .to.include({ forgotten: true })
        .and.have.property('because')
        .that.includes('changed');
  });

  it('never seals the same value to the same bytes', async () => {
    const [one, other] = await Promise.all([sealName('Ada'), sealName('Ada')]);
    expect(one.box).not.to.equal(other.box);
  });

  it('agrees on one data key when many processes get a new subject at once', async () => {
    const processes = Array.from({ length: 8 }, () => createPersonalData({ keys, keyWrap, eventTypes }));
    const names = await Promise.all(processes.map((process) => sealName('Ada', process)));
    const opened = await Promise.all(names.map((name, index) => the(processes.at(index - 1)).open(name)));
    expect(new Set(opened)).to.deep.equal(new Set(['Ada']));
  });

  it('opens no value of a forgotten subject, and all values of others', async () => {
    const forgotten = await sealName('Ada');
    subject = `customer_${randomUUID()}`;
    const kept = await sealName('Grace');
    await data.forget(forgotten.sealed);
    expect(await data.open(forgotten)).to.deep.equal(FORGOTTEN);
    expect(await data.open(kept)).to.equal('Grace');
  });

  it('makes no new key for a forgotten subject, known before or not', async () => {
    await data.forget(subject);
    await data.forget(subject);
    const refused = await failureOf(sealName('Ada'));
    expect(isProblem(refused, 'rule_violated')).to.equal(true);
    expect(await keys.createIfAbsent(subject, randomBytes(60))).to.deep.equal({ forgotten: true });
    expect(await keys.get(subject)).to.deep.equal({ forgotten: true });
  });

  it('lets a process record what it has to of a forgotten subject, sealed for nobody', async () => {
    await data.forget(subject);
    const { data: used } = await data.seal({ type: 'CardUsed', data: { customer: subject, last4: '4242' } }, STREAM, 1);
    expect(isSealed(used.last4)).to.equal(true);
    expect(JSON.stringify(used)).not.to.include('4242');
    expect(await data.open(used.last4)).to.deep.equal(FORGOTTEN);
  });

  it('forgets in the other processes as soon as their cached keys expire', async () => {
    let elapsed = 1;
    const other = createPersonalData({ keys, keyWrap, eventTypes, now: () => elapsed });
    const name = await sealName('Ada', other);
    await data.forget(subject);
    elapsed += DATA_KEY_TTL_MS + 1;
    expect(await other.open(name)).to.deep.equal(FORGOTTEN);
  });

  it('seals a value of a command for its place: the same value gets the same seal there, and another one elsewhere', async () => {
    const reasons = ['too small', 'has a chip'];
    const sealFor = (place: string, value: unknown) => data.sealFor(subject, place, value);
    const sealed = await sealFor('return#1/reasons', reasons);
    expect(isSealed(sealed)).to.equal(true);
    expect(JSON.stringify(sealed)).not.to.include('chip');
    expect(await sealFor('return#1/reasons', reasons)).to.deep.equal(sealed);
    expect(await data.open(sealed)).to.deep.equal(reasons);
    const others = await Promise.all([
      sealFor('return#2/reasons', reasons),
      sealFor('return#1/reasons', ['too small']),
    ]);
    const nonces = [sealed, ...others].map((one) => (one as Sealed).box.slice(0, 16));
    expect(new Set(nonces).size).to.equal(3);

    await data.forget(subject);
    const late = await sealFor('return#1/reasons', reasons);
    expect(isSealed(late)).to.equal(true);
    for (const one of [sealed, late]) expect(await data.open(one)).to.deep.equal(FORGOTTEN);
  });

  it('shows a value without its key as forgotten, says why, and seals new values', async () => {
    const unreadable: (readonly [Sealed, string])[] = [];
    const onUnreadable = (value: Sealed, because: string) => void unreadable.push([value, because]);
    const other = createPersonalData({ keys, keyWrap, eventTypes, onUnreadable });
    const name = { ...(await sealName('Ada')), sealed: `customer_${randomUUID()}` };
    const because = 'the key store does not have its key';
    const opened = await Promise.all([other.open(name), other.open(name)]);
    expect(opened).to.deep.equal(Array(2).fill({ forgotten: true, because }));
    expect(unreadable[0]).to.deep.equal([name, because]);

    subject = name.sealed;
    const [once, again] = await Promise.all([other.open(name), sealName('Grace', other)]);
    expect(isForgotten(once)).to.equal(true);
    expect(await other.open(again)).to.equal('Grace');
    expect(await other.open(name))
      .to.have.property('because')
      .that.includes('another key');
    await data.forget(subject);
  });

  it('does not take the key of one subject for that of another', async () => {
    const name = await sealName('Ada');
    const stranger = { ...name, sealed: `customer_${randomUUID()}` };
    const key = await keys.get(subject);
    if (!key || !('wrapped' in key)) throw new Error('the key is not stored');
    await keys.createIfAbsent(stranger.sealed, key.wrapped);
    expect(await failureOf(data.open(stranger))).to.be.an('error');
  });
}

async function failureOf(promise: Promise<unknown>): Promise<unknown> {
  try {
    await promise;
  } catch (error) {
    return error;
  }
  throw new Error('It did not fail.');
}
