// How a new build is filled: by the bulk path of its store, else by ordinary writes.
import { pairs } from '../../domain/kernel/collections.js';
import { type BulkLoad, DocumentRefused, type DocumentStore } from '../runtime/sink.js';

/** Documents of one ordinary write. */
const DOCUMENTS_PER_SAVE = 1_000;

export function bulkOf(store: DocumentStore): BulkLoad {
  return store.bulk ?? byOrdinaryWrites(store);
}

function byOrdinaryWrites(store: DocumentStore): BulkLoad {
  return {
    create: (projection) => store.create(projection),

    async insert(table, documents) {
      for (let from = 0; from < documents.length; from += DOCUMENTS_PER_SAVE) {
        const writes = documents
          .slice(from, from + DOCUMENTS_PER_SAVE)
          .map((document) => ({ ...document, table, revision: undefined }));
        // A stale one is there already, from before a crash.
        for (const [{ key }, outcome] of pairs(writes, await store.save(writes, new Map()))) {
          if (!outcome.saved && !outcome.stale) throw new DocumentRefused(key, outcome.error);
        }
      }
    },

    complete: async () => {},
  };
}
