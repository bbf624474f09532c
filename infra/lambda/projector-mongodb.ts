// Keeps the catalogue up to date in MongoDB.
import { documentSink, mongoParts } from '../modules/aws/mongodb.js';
import { lazy } from '../modules/parts.js';
import { projectorHandler } from './projector.js';

export const handler = projectorHandler({
  ...mongoParts,
  sinks: ({ mongoServer, admit }) => lazy(() => ({ documents: documentSink(mongoServer, admit) })),
});
