// Real data that must not be committed: found beside the repository, otherwise its tests are skipped with a message.
import { existsSync } from 'node:fs';
import { join } from 'node:path';

const FOLDER = process.env.COMMERCE_DATA_SAMPLES ?? join(import.meta.dirname, '../../shared/data');

/** The path of a sample. If it is missing, prints a message and returns undefined. */
export function realData(name: string): string | undefined {
  const path = join(FOLDER, name);
  if (existsSync(path)) return path;
  console.warn(`SKIPPED: tests on ${name}, which is not in ${FOLDER}; set COMMERCE_DATA_SAMPLES to its folder.`);
  return undefined;
}
