// Mails as files of a folder, for machines without a mail server: each is an `.eml` file, which mail programs open.
import { mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createTransport } from 'nodemailer';
import type { Mailer } from '../../commands/identity/ports.js';
import { randomId } from '../ids.js';
import { composed } from './compose.js';

/** Older mails are deleted. */
export const MAX_KEPT_MAILS = 1_000;

export interface FolderMailerDeps {
  folder: string;
  from: string;
  clock(): number;
}

export function createFolderMailer({ folder, from, clock }: FolderMailerDeps): Mailer {
  const transport = createTransport({ streamTransport: true, buffer: true, newline: 'windows' });

  /** The oldest first: names begin with the time. */
  async function kept(): Promise<string[]> {
    const names = await readdir(folder).catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return [];
      throw error;
    });
    return names.filter((name) => name.endsWith('.eml')).sort();
  }

  async function remove(names: readonly string[]): Promise<void> {
    for (const name of names) await rm(join(folder, name), { force: true });
  }

  return {
    async send(mail) {
      const { message } = await transport.sendMail(composed(mail, from));
      await mkdir(folder, { recursive: true, mode: 0o700 });
      const name = `${randomId(clock())}-${mail.customerId}.eml`;
      await writeFile(join(folder, name), message as Buffer, { mode: 0o600, flag: 'wx' });
      await remove((await kept()).slice(0, -MAX_KEPT_MAILS));
    },
    async forget(customerId) {
      await remove((await kept()).filter((name) => name.endsWith(`-${customerId}.eml`)));
    },
  };
}
