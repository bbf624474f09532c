// The stores where the product keeps data. Each has a mark that names the owner of the data, and each can be erased.
import { OperatorError, Problem, Unavailable } from '../../domain/kernel/errors.js';

/**
 * Raised whenever a build cannot read the stored data of earlier builds: events, documents, names. 1: builds that left no mark.
 */
export const STORE_GENERATION = 2;

export interface Mark {
  generation: number;
  /** Random id of the log. Read models keep the id of the log that they are made from. */
  log: string;
  /** Keyed hash of the log's id. It shows whether a master key belongs to this log's personal data. */
  key: string;
  /** Name of the event store that has the log. Without it: the default of the profile, from before it could be chosen. */
  eventStore?: string;
}

/** Data of this product without a mark was written by a build of the first generation. */
export type Marked = Mark | 'unmarked' | undefined;

export interface Store {
  /** Engine and address, for messages. */
  name: string;
  mark(): Promise<Marked>;
  /** Sets the mark unless there is one. Returns the current mark: if two processes compete, the first one wins. */
  leaveMark(mark: Mark): Promise<Mark>;
  /** Deletes all data of the product. Afterwards the store has no mark. */
  erase(): Promise<void>;
}

/** The mark that is read after one was written. */
export function leftMark(mark: Mark | undefined): Mark {
  if (!mark) throw new Error('The mark of this store disappeared right after it was written.');
  return mark;
}

/** All stores of a shop. */
export interface Stores {
  log: Store;
  /** Read models, data keys, sessions. The store of the log is not repeated here, even if it also has some of these. */
  others: readonly Store[];
}

/** The same store with errors that name its engine. */
export function named(store: Store): Store {
  const naming = async <T>(work: () => Promise<T>): Promise<T> => {
    try {
      return await work();
    } catch (error) {
      if (error instanceof Problem || error instanceof OperatorError) throw error;
      throw Object.assign(new Unavailable(store.name, (error as Error).message), { cause: error });
    }
  };
  return {
    name: store.name,
    mark: () => naming(store.mark),
    leaveMark: (mark) => naming(() => store.leaveMark(mark)),
    erase: () => naming(store.erase),
  };
}
