// The spill of a rebuild in files: one for each segment of the log, in which the lines of each document slice are together. The
// first line says where each slice begins.
import { open, readdir, rename, rm, rmdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Unavailable } from '../../domain/kernel/errors.js';
import type { Spill, SpillPlan } from '../../projections/rebuild/spill.js';
import { makeFolder } from '../make-folder.js';
import { reasonOf } from '../retry.js';
import { readIfThere } from '../secret-file.js';

/** In the data folder. */
export const REBUILD_FOLDER = 'rebuild';

/** Another name than that of earlier programs, whose lines had another form. */
const PLAN = 'plan-v2.json';
const SEGMENT = /^segment-(\d+)$/;

/** The first line has a fixed length for each slice: its end, in bytes after that line. */
const END_DIGITS = 12;

export function createFileSpill(folder: string): Spill {
  const fileOf = (segment: number) => join(folder, `segment-${segment}`);

  /** The file has its name only when it is complete. */
  async function put(name: string, content: string | Buffer): Promise<void> {
    await makeFolder(folder);
    const draft = `${name}.${process.pid}.draft`;
    await writeFile(draft, content);
    await rename(draft, name);
  }

  async function segments(): Promise<Set<number>> {
    const names = await readdir(folder).catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return [];
      throw error;
    });
    return new Set(names.flatMap((name) => (SEGMENT.test(name) ? [Number(SEGMENT.exec(name)?.[1])] : [])));
  }

  async function linesOf(segment: number, slice: number): Promise<string[]> {
    const file = await open(fileOf(segment));
    try {
      const ends = Buffer.alloc(END_DIGITS * 2);
      const at = Math.max(0, slice - 1) * END_DIGITS;
      await file.read(ends, 0, ends.length, at);
      const end = (place: number) => Number(ends.toString('latin1', place * END_DIGITS, (place + 1) * END_DIGITS));
      const [from, to] = slice === 0 ? [0, end(0)] : [end(0), end(1)];
      if (to <= from) return [];
      const { slices } = (await plan()) as SpillPlan;
      const head = slices * END_DIGITS + 1;
      const { buffer } = await file.read(Buffer.alloc(to - from), 0, to - from, head + from);
      return buffer.toString().split('\n').slice(0, -1);
    } finally {
      await file.close();
    }
  }

  let known: SpillPlan | undefined;
  async function plan(): Promise<SpillPlan | undefined> {
    if (known) return known;
    const text = await readIfThere(join(folder, PLAN));
    known = text === undefined ? undefined : (JSON.parse(text) as SpillPlan);
    return known;
  }

  return {
    plan,

    async setPlan(next) {
      await onDisk(() => put(join(folder, PLAN), JSON.stringify(next)));
      known = next;
    },

    segments,

    async write(segment, slices) {
      const bodies = slices.map((lines) => Buffer.from(lines.map((line) => `${line}\n`).join('')));
      let end = 0;
      const ends = bodies.map((body) => {
        end += body.length;
        return String(end).padStart(END_DIGITS, '0');
      });
      await onDisk(() => put(fileOf(segment), Buffer.concat([Buffer.from(`${ends.join('')}\n`), ...bodies])));
    },

    async *read(slice) {
      for (const segment of [...(await segments())].sort((a, b) => a - b)) {
        yield await linesOf(segment, slice);
      }
    },

    async remove() {
      await rm(folder, { recursive: true, force: true });
      known = undefined;
      // The folder of all rebuilds goes with the last one.
      await rmdir(dirname(folder)).catch(() => {});
    },
  };
}

/** A full disk is a state that passes. */
async function onDisk(write: () => Promise<void>): Promise<void> {
  try {
    await write();
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== 'ENOSPC' && code !== 'EDQUOT') throw error;
    throw Object.assign(new Unavailable('The data folder', reasonOf(error)), { cause: error });
  }
}
