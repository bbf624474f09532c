import { randomBytes } from 'node:crypto';
import { expect } from 'chai';
import { createOpenings, type Reader } from '../../commands/personal/openings.js';
import { createCommandRunner } from '../../commands/runtime/command-runner.js';
import { eventTypes } from '../../domain/events.js';
import { Unavailable } from '../../domain/kernel/errors.js';
import type { EventStore } from '../../domain/kernel/event-store.js';
import type { Sealed } from '../../domain/kernel/personal.js';
import { createMemorySubjectKeys } from '../../test/memory-subject-keys.js';
import { the } from '../../test/the.js';
import { createCommitCodec } from '../event-store/codec.js';
import { createMemoryEventStore, createMemoryLog } from '../event-store/memory.js';
import { createLocalKeyWrap } from './master-key.js';
import { createPersonalData } from './personal-data.js';
import { createRecordedOpenings } from './recorded-openings.js';

const JO: Reader = {
  actor: { type: 'staff', id: 'staff_jo', role: 'support' },
  requestId: 'request-1',
  purpose: 'GET /v1/orders',
};
const CUSTOMERS = Array.from({ length: 24 }, (_, n) => `customer_${n}`);

describe('Openings of personal data', () => {
  let now: number;
  let log: ReturnType<typeof createMemoryLog>;
  let asked: string[];
  let isAway: boolean;
  let addresses: Sealed[];
  const personal = createPersonalData({
    keys: createMemorySubjectKeys(),
    keyWrap: createLocalKeyWrap(randomBytes(32)),
    eventTypes,
  });

  before(async () => {
    addresses = await Promise.all(CUSTOMERS.map(sealedAddress));
  });

  beforeEach(() => {
    now = Date.UTC(2026, 10, 29, 12);
    log = createMemoryLog();
    asked = [];
    isAway = false;
  });

  async function sealedAddress(customerId: string): Promise<Sealed> {
    const address = { name: 'Ada', line1: '1 Mill Lane', city: 'Leeds', postcode: 'LS1 4AP', country: 'GB' };
    const event = { type: 'ShippingAddressSet', data: { customerId, address } };
    const { data } = await personal.seal(event, 'cart#1', 1);
    return data.address as unknown as Sealed;
  }

  /** A process of the shop. */
  function open() {
    const memory = createMemoryEventStore({ codec: createCommitCodec(eventTypes), log, clock: () => now });
    const store: EventStore = {
      ...memory,
      async append(stream, ...rest) {
        if (isAway) throw new Unavailable('memory', 'it is away');
        asked.push('append');
        return memory.append(stream, ...rest);
      },
      read(stream, after) {
        asked.push('read');
        return memory.read(stream, after);
      },
    };
    const clock = () => now;
    const runner = createCommandRunner({ store, eventTypes, personal, clock });
    const recorded = createRecordedOpenings({ personal, openings: createOpenings({ runner, clock }) });
    const list = (reader = JO, values = addresses) =>
      recorded.during(reader, () => Promise.all(values.map((value) => recorded.personal.open(value))));
    return { ...recorded, list };
  }

  const events = () => log.arrivals.flatMap(({ ev }) => JSON.parse(ev));
  const subjects = () => events().map(({ data }) => data.subjects);

  it('are recorded with the reader, the subjects, the purpose, the request and the time', async () => {
    const [opened] = await open().list(JO, addresses.slice(0, 1));
    expect(opened).to.include({ line1: '1 Mill Lane' });
    const [{ actor, correlationId, occurredAt, data }] = events();
    expect({ actor, correlationId, occurredAt, data }).to.deep.equal({
      actor: JO.actor,
      correlationId: 'request-1',
      occurredAt: '2026-11-29T12:00:00.000Z',
      data: { purpose: 'GET /v1/orders', subjects: ['customer_0'] },
    });
    expect(the(log.arrivals[0]).ev).not.to.match(/Mill|Ada|address/);
  });

  it('cost one append for a list of many people, and nothing when it is read again', async () => {
    const process = open();
    await process.list();
    expect(subjects()).to.deep.equal([CUSTOMERS]);
    expect(asked).to.deep.equal(['read', 'append']);
    for (let n = 0; n < 3; n++) await process.list();
    expect(asked).to.deep.equal(['read', 'append']);
  });

  it('are recorded once for all processes', async () => {
    await open().list();
    await open().list();
    expect(events()).to.have.length(1);
  });

  it('are recorded again on another day, for another purpose, and for another person', async () => {
    const { list } = open();
    await list(JO, addresses.slice(0, 2));
    await list(JO, addresses.slice(1, 3));
    await list({ ...JO, purpose: 'GET /v1/orders/{id}' }, addresses.slice(0, 1));
    await list({ ...JO, actor: { type: 'staff', id: 'staff_al', role: 'support' } }, addresses.slice(0, 1));
    now += 24 * 60 * 60_000;
    await list(JO, addresses.slice(0, 1));
    expect(subjects()).to.deep.equal([
      ['customer_0', 'customer_1'],
      ['customer_2'],
      ['customer_0'],
      ['customer_0'],
      ['customer_0'],
    ]);
    expect(new Set(log.arrivals.map(({ pk }) => pk)).size).to.equal(3);
  });

  it('are not recorded for the person themselves, or for a process that nobody reads', async () => {
    const { list, personal: opener } = open();
    await list({ ...JO, actor: { type: 'customer', id: 'customer_0' } }, addresses.slice(0, 1));
    await opener.open(the(addresses[0]));
    expect(asked).to.deep.equal([]);
  });

  it('are not recorded for a person who is forgotten, because nothing was opened', async () => {
    const gone = await sealedAddress('customer_gone');
    await personal.forget('customer_gone');
    expect(await open().list(JO, [gone])).to.deep.equal([{ forgotten: true }]);
    expect(asked).to.deep.equal([]);
  });

  it('give nothing away that could not be recorded, and are recorded later', async () => {
    const { list } = open();
    isAway = true;
    expect(await list().catch((error: unknown) => error)).to.be.instanceOf(Unavailable);
    isAway = false;
    await list();
    expect(subjects()).to.deep.equal([CUSTOMERS]);
  });

  it('of requests at the same time are kept apart', async () => {
    const { list } = open();
    const readers = ['staff_jo', 'staff_al', 'staff_bo'].map((id) => ({ type: 'staff', id, role: 'support' }) as const);
    await Promise.all(readers.map((actor, n) => list({ ...JO, actor }, addresses.slice(n, n + 1))));
    expect(new Map(events().map(({ actor, data }) => [actor.id, data.subjects]))).to.deep.equal(
      new Map([
        ['staff_jo', ['customer_0']],
        ['staff_al', ['customer_1']],
        ['staff_bo', ['customer_2']],
      ]),
    );
  });
});
