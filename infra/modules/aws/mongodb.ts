// MongoDB, which has the catalogue of the profile `aws`.

import type { Db } from 'mongodb';
import type { Sink } from '../../../projections/runtime/sink.js';
import { createMongoClient } from '../../mongodb.js';
import { createMongoCatalogue } from '../../read-models/catalogue.mongodb.js';
import { createMongoSink } from '../../sinks/mongodb.js';
import { mongoProbe, mongoReadModels } from '../../stores/mongodb-store.js';
import { lazy, type Parts, type QueriesOf, type ReadModelServer, type Recipes } from '../parts.js';
import { PING_TIMEOUT_MS } from '../reachable.js';
import { admitted, required, serverOf } from './servers.js';

export interface MongoParts {
  mongoServer: ReadModelServer & { db: Db };
}

export const mongoParts = {
  mongoServer: ({ config: { namespace }, addresses, lifecycle }) =>
    lazy(async () => {
      const url = required(addresses, 'mongodbUrl');
      const client = createMongoClient(url);
      lifecycle.onClose(() => client.close());
      const db = client.db(namespace);
      const engine = serverOf('MongoDB', url, mongoProbe(db, PING_TIMEOUT_MS));
      return { db, engine, store: mongoReadModels(db, engine.address) };
    }),
} satisfies Recipes<MongoParts, Parts & MongoParts>;

export function documentQueries(db: Db): Pick<QueriesOf, 'catalogue'> {
  return { catalogue: (build) => createMongoCatalogue(db, build) };
}

export function documentSink(server: MongoParts['mongoServer'], admit: Parts['admit']): Sink {
  return admitted(createMongoSink(server.db), server, admit);
}
