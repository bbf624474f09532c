// The product's data in MongoDB: read models of one namespace.
import type { Db } from 'mongodb';
import { MARK, MARK_ID, type Probe } from './marks.js';
import { leftMark, type Mark, type Store } from './store.js';

/** Collections of a projection, of any version and build, and those of positions: `catalogue_v3_b2`, `positions_v1`. */
const PHYSICAL_NAME = /^[a-z][a-z-]*_v\d+(_b\d+)?$/;

export function mongoProbe(db: Db, timeoutMs: number): Probe {
  return async () => {
    // After a first connection that failed, a client refuses everything until it is told to connect again.
    await db.client.connect();
    const signal = AbortSignal.timeout(timeoutMs);
    return db.collection<{ _id: string }>(MARK).findOne({ _id: MARK_ID }, { signal });
  };
}

export function mongoReadModels(db: Db, address: string): Store {
  const marks = db.collection<{ _id: string; mark: Mark }>(MARK);

  async function ownCollections(): Promise<string[]> {
    const found = await db.listCollections({}, { nameOnly: true }).toArray();
    return found.map(({ name }) => name).filter((name) => PHYSICAL_NAME.test(name));
  }

  return {
    name: `MongoDB at ${address}, database ${db.databaseName}`,
    mark: async () =>
      (await marks.findOne({ _id: MARK_ID }))?.mark ?? ((await ownCollections()).length > 0 ? 'unmarked' : undefined),
    async leaveMark(mark) {
      await marks.updateOne({ _id: MARK_ID }, { $setOnInsert: { mark } }, { upsert: true });
      return leftMark((await marks.findOne({ _id: MARK_ID }))?.mark);
    },
    async erase() {
      for (const name of await ownCollections()) await db.dropCollection(name);
      await db.dropCollection(MARK);
    },
  };
}
