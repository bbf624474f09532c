// Real data that is not ours to commit: found beside the repository, or its tests are skipped with a message.
import { existsSync } from 'node:fs';
import { join } from 'node:path';

const FOLDER = process.env.COMMERCE_DATA_SAMPLES ?? join(import.meta.dirname, '../../shared/data');

/** The path of a sample, or undefined, said aloud. */
export function realData(name: string): string | undefined {
  const path = join(FOLDER, name);
  if (existsSync(path)) return path;
  console.warn(`SKIPPED: tests on ${name}, which is not in ${FOLDER}; set COMMERCE_DATA_SAMPLES to its folder.`);
  return undefined;
}
