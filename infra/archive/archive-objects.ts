// The archive among the objects of a log, which are written once.
import type { ObjectStore } from '../../domain/kernel/objects.js';
import type { ArchiveStore } from './port.js';

/** The names of the archive's objects begin with it. */
export const ARCHIVE_PREFIX = 'archive/';

export function archiveIn(objects: ObjectStore, prefix = ARCHIVE_PREFIX): ArchiveStore {
  return {
    name: `${objects.place.replace(/\/$/, '')}/${prefix}`.replace(/\/$/, ''),
    create: (name, content) => objects.putOnce(prefix + name, content),
    async read(name) {
      const bytes = await objects.get(prefix + name);
      return bytes && Buffer.from(bytes);
    },
    async *list(names) {
      for await (const name of objects.list(prefix + names)) yield name.slice(prefix.length);
    },
  };
}
