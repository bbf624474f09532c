// The folder of installed and running engines: an ignored folder of the repository, or COMMERCE_ENGINES_DIR.
import { existsSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The folder of package.json, found by looking upwards, because this code also runs from the built program's folder. */
export function repositoryRoot(): string {
  let folder = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(folder, 'package.json'))) {
    if (dirname(folder) === folder)
      throw new Error('This program is not in its repository any more: there is no package.json above it.');
    folder = dirname(folder);
  }
  return folder;
}

export const enginesFolder = (): string =>
  resolve(process.env.COMMERCE_ENGINES_DIR ?? join(repositoryRoot(), '.engines'));

/** Engines started by `engines up`, one folder per engine. */
export const runFolder = (): string => join(enginesFolder(), 'run');
