// Real data for tests, which are skipped with a message without it.
import { findSample, samplesFolder } from '../scripts/data-samples.js';

/** The path of a sample. If it is missing, prints a message and returns undefined. */
export function realData(name: string): string | undefined {
  const path = findSample(name);
  if (path === undefined) {
    console.warn(
      `SKIPPED: tests on ${name}, which is not in ${samplesFolder()}; set COMMERCE_DATA_SAMPLES to its folder.`,
    );
  }
  return path;
}
