// Files that are written once: whole or not at all, by the first program that writes them.
import { randomBytes } from 'node:crypto';
import { link, open, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { makeFolder } from './make-folder.js';

/** What the name of a draft has after the name of the file. A killed program may leave a draft. */
export const DRAFT_SUFFIX = /\.\d+-[0-9a-f]{8}$/;

/**
 * Writes a draft and links it into place, so that nobody reads an incomplete file. Returns false if the file exists: then it stays
 * as it is.
 */
export async function writeOnce(path: string, content: string | Uint8Array, mode: number): Promise<boolean> {
  await makeFolder(dirname(path));
  const draft = `${path}.${process.pid}-${randomBytes(4).toString('hex')}`;
  try {
    const file = await open(draft, 'wx', mode);
    try {
      await file.writeFile(content);
      await file.sync();
    } catch (error) {
      throw Object.assign(error as Error, { path }); // the error of a write does not name the path
    } finally {
      await file.close();
    }
    return await link(draft, path).then(
      () => true,
      (error: NodeJS.ErrnoException) => {
        if (error.code === 'EEXIST') return false;
        throw error;
      },
    );
  } finally {
    await rm(draft, { force: true });
  }
}
