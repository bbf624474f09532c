// The places where the product keeps data. Each holds a mark that says whose data it is, and each can be emptied.
import { OperatorError, Problem, Unavailable } from '../../domain/kernel/errors.js';

/** Raised whenever what a store holds can no longer be read as before: events, documents, names. 1: builds that left no mark. */
export const STORE_GENERATION = 2;

export interface Mark {
  generation: number;
  /** Of the log, made at random with it. Read models keep the id of the log that they are made from. */
  log: string;
  /** Keyed hash of the log's id: tells whether a master key is the one that this log's personal data is sealed with. */
  key: string;
}

/** What is there of this product without a mark was left by a build of the first generation. */
export type Marked = Mark | 'unmarked' | undefined;

export interface Store {
  /** Engine and address, for people. */
  name: string;
  mark(): Promise<Marked>;
  /** Leaves the mark unless there is one. Answers the one that is there then: of two processes the first counts. */
  leaveMark(mark: Mark): Promise<Mark>;
  /** Deletes all that the product has put there. Afterwards the store has no mark. */
  erase(): Promise<void>;
}

/** All stores of a shop. */
export interface Stores {
  log: Store;
  readModels: readonly Store[];
}

/** The same, whose engine is named when it fails. */
export function named(store: Store): Store {
  const told = async <T>(work: () => Promise<T>): Promise<T> => {
    try {
      return await work();
    } catch (error) {
      if (error instanceof Problem || error instanceof OperatorError) throw error;
      throw Object.assign(new Unavailable(store.name, (error as Error).message), { cause: error });
    }
  };
  return {
    name: store.name,
    mark: () => told(store.mark),
    leaveMark: (mark) => told(() => store.leaveMark(mark)),
    erase: () => told(store.erase),
  };
}
