import { expect } from 'chai';
import { type Claimant, claim, examine, StoreRefused } from './claim.js';
import { type Mark, type Marked, STORE_GENERATION, type Store } from './store.js';

const KEY = Buffer.alloc(32, 1);

function storeWith(name: string, mark?: Marked): Store & { content(): Marked } {
  let found = mark;
  return {
    name,
    content: () => found,
    mark: async () => found,
    async leaveMark(left) {
      if (typeof found !== 'object') found = left;
      return found;
    },
    erase: async () => {
      found = undefined;
    },
  };
}

/** A shop on the profile `aws`, whose default event store is `dynamodb`. */
function claimantWith(eventStore: string): Claimant & { hasKey(): boolean } {
  let key: Buffer | undefined;
  return {
    findKey: async () => key,
    loadKey: async () => (key ??= KEY),
    hasKey: () => key !== undefined,
    keyPlace: 'master.key',
    eventStore,
    defaultEventStore: 'dynamodb',
    reset: (used) => `commerce reset --event-store ${used}`,
    elsewhere: 'another COMMERCE_NAMESPACE',
  };
}

async function refusalOf(attempt: Promise<unknown>): Promise<string> {
  const error = await attempt.catch((thrown: unknown) => thrown);
  expect(error).to.be.instanceOf(StoreRefused);
  return (error as StoreRefused).message;
}

describe('The stores of a shop', () => {
  it('are marked with the same log and its event store, once', async () => {
    const [log, tables] = [storeWith('the log'), storeWith('the tables')];
    const claimant = claimantWith('postgres');
    expect(await examine({ log, others: [tables] }, claimant)).to.equal(undefined);
    const mark = await claim({ log, others: [tables] }, claimant);
    expect(mark).to.include({ generation: STORE_GENERATION, eventStore: 'postgres' });
    expect([log.content(), tables.content()]).to.deep.equal([mark, mark]);
    expect(await claim({ log, others: [tables] }, claimant)).to.deep.equal(mark);
  });

  it('are refused to another event store, which leaves no mark and no key', async () => {
    const tables = storeWith('the tables');
    await claim({ log: storeWith('the log'), others: [tables] }, claimantWith('postgres'));
    const [other, claimant] = [storeWith('the other log'), claimantWith('dynamodb')];
    const why = await refusalOf(claim({ log: other, others: [tables] }, claimant));
    expect(why).to.match(
      /^the tables has data of a shop whose event store is postgres, but dynamodb was chosen\..*reset --event-store postgres/,
    );
    expect(other.content()).to.equal(undefined);
    expect(claimant.hasKey()).to.equal(false);
  });

  it('belong to the default event store of the profile if their mark names none', async () => {
    const shared = storeWith('the place of log and tables');
    const claimant = claimantWith('dynamodb');
    const { eventStore: _, ...older } = await claim({ log: shared, others: [] }, claimant);
    const marked = (mark: Mark) => ({ log: storeWith('the log', mark), others: [] });
    expect(await claim(marked(older), claimant)).to.deep.equal(older);
    expect(await refusalOf(claim(marked(older), claimantWith('postgres')))).to.include('event store is dynamodb');
  });

  it('are refused if one has data of another log, also while the log is empty', async () => {
    const tables = storeWith('the tables');
    const claimant = claimantWith('dynamodb');
    await claim({ log: storeWith('the log'), others: [tables] }, claimant);
    const other = storeWith('the other log');
    const why = /^the tables has data of a different log than the one in the other log/;
    expect(await refusalOf(claim({ log: other, others: [tables] }, claimant))).to.match(why);
    expect(other.content()).to.equal(undefined);
  });
});
