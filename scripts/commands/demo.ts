// `commerce demo`: plays one customer's story against the running product, and prints each request and its answer.
import { randomBytes } from 'node:crypto';
import { Command } from 'commander';
import { createCast, DemoFailed, requireReady } from '../demo-caller.js';
import { type Teller, tellerForMachines, tellerForPeople } from '../demo-print.js';
import { type DemoEnd, playStory } from '../demo-story.js';
import { NOT_LOCAL, openLocalTokens } from '../local-tokens.js';
import { withStaff } from '../open-staff.js';
import { type CommonOptions, DEFAULT_PORT, withJson, withProfile } from '../options.js';

interface DemoCommandOptions extends CommonOptions {
  url: string;
}

export function demoCommand(): Command {
  return withJson(withProfile(new Command('demo')))
    .description("play one customer's story against the running product; local profiles only")
    .option('--url <address>', 'address of the running product', `http://127.0.0.1:${DEFAULT_PORT}`)
    .action(async (options: DemoCommandOptions, command: Command) => {
      const url = options.url.replace(/\/$/, '');
      if (!/^https?:$/.test(protocolOf(url))) command.error('--url begins with http:// or https://');
      await requireReady(url);
      const tokens = await openLocalTokens(options);
      if (!tokens) return command.error(NOT_LOCAL);
      const members = await withStaff(options, async (staff) => ({
        catalogue: await staff.ofRole('catalogue'),
        support: await staff.ofRole('support'),
      }));
      const [catalogue, support] = await Promise.all([tokens.mint(members.catalogue), tokens.mint(members.support)]);
      const tell = options.json ? tellerForMachines(console.log) : tellerForPeople(console.log);
      await play(url, { catalogue, support }, tell);
    });
}

async function play(url: string, tokens: { catalogue: string; support: string }, tell: Teller): Promise<void> {
  const run = randomBytes(4).toString('hex');
  const end = await playStory({ run, tokens, join: createCast(url, run, tell.exchange), chapter: tell.chapter });
  tell.end(end);
  if (!isEven(end))
    throw new DemoFailed(
      'The amount that the customer paid differs from the price of what she keeps; please report this.',
    );
}

function isEven({ paid, kept }: DemoEnd): boolean {
  return paid.amount === kept.amount && paid.currency === kept.currency;
}

function protocolOf(url: string): string {
  return URL.canParse(url) ? new URL(url).protocol : '';
}
