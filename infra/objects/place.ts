// Where a profile keeps objects: the part of it that belongs to one log, and the names that are allowed there.
import type { ObjectStore } from '../../domain/kernel/objects.js';
import { DRAFT_SUFFIX } from '../write-once.js';

/** Objects are never deleted in normal operation, so those of a new log must not meet those of an old one. */
export interface ObjectPlace {
  /** Engine and place, for messages. */
  name: string;
  /** The objects of one log, by the id in its mark. */
  of(log: string): ObjectStore;
  /** Deletes all objects of one log. Only `commerce reset` calls it, and only for a place on this machine. */
  erase(log: string): Promise<void>;
}

const SEGMENT = /^(?!\.{1,2}$)[A-Za-z0-9._-]{1,100}$/;

/** Throws for a name that a file system or S3 could read in another way. Programs make all names. */
export function checkedName(name: string): string {
  const isPlain = name.split('/').every((segment) => SEGMENT.test(segment) && !DRAFT_SUFFIX.test(segment));
  if (isPlain) return name;
  throw new Error(`${JSON.stringify(name)} cannot name an object.`);
}
