// `commerce diff PROJECTION`: compares a read model with the fold of the log, prints each difference, and repairs them on demand.
import { Command } from 'commander';
import { canonicalJson } from '../../domain/kernel/json.js';
import { PAUSABLE } from '../../infra/modules/read-models.js';
import type { Difference } from '../../projections/runtime/difference.js';
import { MAX_DIFFERENCES } from '../../projections/runtime/difference.js';
import { CommandFailed, FOUND_A_VIOLATION } from '../errors.js';
import { openEngines } from '../open-engines.js';
import { type CommonOptions, configOfShop, withJson, withProfile } from '../options.js';
import { createProgress } from '../progress.js';

/** Longest value that is printed for people, in characters, and most members of one document. */
const MAX_VALUE_LENGTH = 200;
const MAX_MEMBERS = 20;

interface DiffOptions extends CommonOptions {
  key?: string;
  repair?: boolean;
}

export function diffCommand(): Command {
  return withJson(withProfile(new Command('diff')))
    .description('compare a read model with the log and print each difference')
    .argument('<projection>', 'as `status` shows it')
    .option('--key <key>', 'compare only the document with this key')
    .option('--repair', 'write what the log says')
    .action(diff);
}

async function diff(projection: string, { key, repair = false, ...options }: DiffOptions): Promise<void> {
  const shop = await openEngines(await configOfShop(options));
  const progress = createProgress();
  try {
    const [readModels, decisions] = await Promise.all([shop.get('readModels'), shop.get('decisions')]);
    await decisions.refresh();
    const found = readModels.differences(projection, { key, repair, onProgress: progress.report });
    if (!found) throw new CommandFailed(`There is no projection ${projection}; there are ${PAUSABLE.join(', ')}.`);
    let [all, left] = [0, 0];
    for await (const difference of found) {
      progress.end();
      all++;
      if (!difference.repaired) left++;
      console.log(options.json ? JSON.stringify(difference) : textOf(difference));
    }
    progress.end();
    if (!options.json) console.log(summary(projection, all, left));
    if (left > 0) process.exitCode = FOUND_A_VIOLATION;
  } finally {
    progress.end();
    await shop.close();
  }
}

function summary(projection: string, all: number, left: number): string {
  if (all === 0) return `${projection}: no differences.`;
  const more = all >= MAX_DIFFERENCES ? ' There may be more; repair these and run it again.' : '';
  return `${projection}: ${all} ${all === 1 ? 'document differs' : 'documents differ'}, ${all - left} repaired.${more}`;
}

function textOf(difference: Difference): string {
  const { key, kind, repaired } = difference;
  const head = `${printable(key)}: ${kind}${repaired ? ', repaired' : ''}`;
  return [head, ...membersOf(difference).map((line) => `  ${line}`)].join('\n');
}

/** One line for each top-level member that differs. */
function membersOf({ kind, stored, expected }: Difference): string[] {
  if (kind === 'missing') return [`in the log: ${short(expected)}`];
  if (kind === 'surplus') return [`in the store: ${short(stored)}`];
  if (!stored || !expected) return [`in the store: ${short(stored)}`, `in the log: ${short(expected)}`];
  const names = [...new Set([...Object.keys(stored), ...Object.keys(expected)])].sort();
  const wrong = names.filter((name) => canonicalJson(stored[name]) !== canonicalJson(expected[name]));
  const lines = wrong.map(
    (name) => `${printable(name)}: ${ofMember(stored[name])}, in the log: ${ofMember(expected[name])}`,
  );
  return lines.length > MAX_MEMBERS
    ? [...lines.slice(0, MAX_MEMBERS), `and ${lines.length - MAX_MEMBERS} more members`]
    : lines;
}

function ofMember(value: unknown): string {
  return value === null ? 'null' : short(value);
}

/** A document; `null` stands for a tombstone. */
function short(value: unknown): string {
  if (value === undefined) return 'nothing';
  if (value === null) return 'a tombstone';
  const text = printable(JSON.stringify(value));
  return text.length > MAX_VALUE_LENGTH ? `${text.slice(0, MAX_VALUE_LENGTH)}…` : text;
}

/** Documents contain text of other people, which must not control the terminal. */
function printable(text: string): string {
  return text.replace(/\p{Cc}/gu, ' ');
}
