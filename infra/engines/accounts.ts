// Selects the system user of a server. Some servers refuse to run as root and need folders that another user can enter.
import { execFile, spawnSync } from 'node:child_process';
import { stat } from 'node:fs/promises';
import { userInfo } from 'node:os';
import { dirname } from 'node:path';
import { promisify } from 'node:util';
import { EngineUnavailable } from './errors.js';

const run = promisify(execFile);

/** For `spawn`. Empty means the current user. */
export interface Account {
  readonly uid?: number;
  readonly gid?: number;
}

/** The current user. For root: the owner of the existing data, else the user named `preferred`, else `nobody`. */
export async function serverAccount(preferred: string, data: string): Promise<Account> {
  if (process.getuid?.() !== 0) return {};
  const owner = await stat(data).catch(() => undefined);
  if (owner && owner.uid !== 0) return { uid: owner.uid, gid: owner.gid };
  for (const name of [preferred, 'nobody']) {
    const ids = await Promise.all([run('id', ['-u', name]), run('id', ['-g', name])]).catch(() => undefined);
    if (ids) return { uid: Number(ids[0].stdout), gid: Number(ids[1].stdout) };
  }
  throw new EngineUnavailable(
    preferred,
    `it does not run as root, and there is no user \`${preferred}\` or \`nobody\` to run it as`,
  );
}

/** The outermost folder on the path to `folder` (included) that the account cannot enter, as the system reports it. */
export function closedAncestor(folder: string, account: Account): string | undefined {
  if (account.uid === undefined || canEnter(folder, account)) return undefined;
  return dirname(folder) === folder ? folder : (closedAncestor(dirname(folder), account) ?? folder);
}

const canEnter = (folder: string, account: Account): boolean =>
  spawnSync('test', ['-x', folder], { ...account, cwd: '/' }).status === 0;

/** The system may have no name for the account, as in some containers. */
export function userName(): string {
  try {
    return userInfo().username;
  } catch {
    return `user ${process.getuid?.()}`;
  }
}
