// Notes whose data is opened while somebody reads, and records it before they get the result. The note is taken where values are
// opened, so that no endpoint and no command can leave it out.
import { AsyncLocalStorage } from 'node:async_hooks';
import type { Openings, Reader } from '../../commands/personal/openings.js';
import { isForgotten, isSealed, type PersonalData } from '../../domain/kernel/personal.js';

export interface RecordedOpenings {
  /** Opens values as before. Within `during` it also notes whose they are. */
  personal: PersonalData;
  /**
   * Does the work for a reader, and resolves with its result once the log has recorded whose data was opened for it. The reader's
   * own data is not recorded. Throws `Unavailable` if the record cannot be written.
   */
  during<T>(reader: Reader, work: () => Promise<T>): Promise<T>;
}

export function createRecordedOpenings({
  personal,
  openings,
}: {
  personal: PersonalData;
  openings: Openings;
}): RecordedOpenings {
  const opened = new AsyncLocalStorage<Set<string>>();

  return {
    personal: {
      ...personal,
      async open(value) {
        const plain = await personal.open(value);
        if (isSealed(value) && !isForgotten(plain)) opened.getStore()?.add(value.sealed);
        return plain;
      },
    },
    async during(reader, work) {
      const subjects = new Set<string>();
      const result = await opened.run(subjects, work);
      subjects.delete(reader.actor.id);
      if (subjects.size > 0) await openings.record(reader, subjects);
      return result;
    },
  };
}
