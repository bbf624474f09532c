// Keeps the catalogue up to date in MongoDB.
import { mongoParts } from '../modules/aws/mongodb.js';
import { lazy } from '../modules/parts.js';
import { createMongoSink } from '../sinks/mongodb.js';
import { projectorHandler } from './projector.js';

export const handler = projectorHandler({
  ...mongoParts,
  ownStores: ({ mongoServer }) => lazy(() => [mongoServer.store]),
  sinks: ({ mongo }) => lazy(() => ({ documents: createMongoSink(mongo) })),
});
