// MongoDB, which has the catalogue of the profile `aws`: first as a server that answers, then with this shop's data.
import type { Db } from 'mongodb';
import { createMongoClient } from '../../mongodb.js';
import { createMongoCatalogue } from '../../read-models/catalogue.mongodb.js';
import { mongoProbe, mongoReadModels } from '../../stores/mongodb-store.js';
import type { Store } from '../../stores/store.js';
import { lazy, type Parts, type QueriesOf, type Recipes } from '../parts.js';
import { type Engine, PING_TIMEOUT_MS } from '../reachable.js';
import { required, serverOf } from './servers.js';

export interface MongoParts {
  mongoServer: { db: Db; engine: Engine; store: Store };
  mongo: Db;
}

export const mongoParts = {
  mongoServer: ({ config: { namespace }, addresses, lifecycle, untilReachable }) =>
    lazy(async () => {
      const url = required(addresses, 'mongodbUrl');
      const client = createMongoClient(url);
      lifecycle.onClose(() => client.close());
      const db = client.db(namespace);
      const engine = serverOf('MongoDB', url, mongoProbe(db, PING_TIMEOUT_MS));
      await untilReachable(engine);
      return { db, engine, store: mongoReadModels(db, engine.address) };
    }),

  mongo: ({ mongoServer: { db }, claimed: _ }) => lazy(() => db),
} satisfies Recipes<MongoParts, Parts & MongoParts>;

export function documentQueries(db: Db): Pick<QueriesOf, 'catalogue'> {
  return { catalogue: (build) => createMongoCatalogue(db, build) };
}
