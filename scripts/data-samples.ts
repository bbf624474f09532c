// Real data that must not be committed. It is in a folder beside the repository, or in the one that a variable names.
import { existsSync } from 'node:fs';
import { join } from 'node:path';

export function samplesFolder(): string {
  return process.env.COMMERCE_DATA_SAMPLES ?? join(process.cwd(), '../shared/data');
}

/** The path of a sample; undefined if it is missing. */
export function findSample(name: string): string | undefined {
  const path = join(samplesFolder(), name);
  return existsSync(path) ? path : undefined;
}
