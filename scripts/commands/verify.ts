// `commerce verify [FILE]`: checks the log of the shop, its archive, or a file offline, and names the first bad commit of each stream.
import { randomUUID } from 'node:crypto';
import { open, readFile } from 'node:fs/promises';
import { Command } from 'commander';
import { OPERATOR } from '../../commands/runtime/origin.js';
import { millisOf } from '../../domain/kernel/clock.js';
import { orThrow } from '../../domain/kernel/errors.js';
import { OPS, ops } from '../../domain/ops/ops.js';
import { readPublicKey } from '../../infra/archive/audit-key.js';
import { type CheckedReceipt, checkReceipt, RECEIPT_LINE } from '../../infra/archive/receipt.js';
import { InvalidNote, type NoteVerifier } from '../../infra/archive/signed-note.js';
import type { ArchiveProblem, ArchiveReport } from '../../infra/archive/verify-archive.js';
import { isWholeLog, type Selection } from '../../infra/log-file/export-format.js';
import { untilFinal } from '../../infra/log-file/final.js';
import { type FileReport, verifyFile } from '../../infra/log-file/verify-file.js';
import { type StoreReport, verifyStore } from '../../infra/log-file/verify-store.js';
import { openShop, type Shop } from '../../infra/modules/open-shop.js';
import { CommandFailed, FOUND_A_VIOLATION } from '../errors.js';
import { type CommonOptions, configOfShop, withJson, withProfile } from '../options.js';
import { createProgress } from '../progress.js';

/** A receipt is small. */
const MAX_RECEIPT_BYTES = 2_000_000;

type PublicKey = (origin: string) => NoteVerifier;

interface VerifyOptions extends CommonOptions {
  archive?: boolean;
  publicKey?: string;
}

/** The result: lines for people, the same for machines, and whether nothing was found. */
interface Outcome {
  lines: readonly string[];
  json: object;
  isSound: boolean;
}

export function verifyCommand(): Command {
  return withJson(withProfile(new Command('verify')))
    .description('check the log of the shop, or an export or a receipt offline')
    .argument('[file]', 'export or receipt; without it the log of the shop is checked')
    .option(
      '--archive',
      'check the archive, too: segments, checkpoints, and that the log still has the archived commits',
    )
    .option('--public-key <file>', 'public key of the log, as `commerce audit-key` prints it')
    .action(async (file: string | undefined, options: VerifyOptions, command: Command) => {
      const { archive = false, publicKey: keyFile } = options;
      if (file !== undefined && archive) command.error('--archive checks the archive of the shop; leave the file out');
      if (file === undefined && keyFile !== undefined && !archive)
        command.error('--public-key checks a file or, with --archive, the archive');
      const publicKey = keyFile === undefined ? undefined : await publicKeyIn(keyFile);
      const { lines, json, isSound } =
        file === undefined
          ? await verifyShop(options, archive, publicKey)
          : (await isReceipt(file))
            ? await verifyReceipt(file, publicKey)
            : await verifyExport(file, publicKey);
      console.log(options.json ? JSON.stringify(json) : lines.join('\n'));
      if (!isSound) process.exitCode = FOUND_A_VIOLATION;
    });
}

async function publicKeyIn(file: string): Promise<PublicKey> {
  const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    throw new CommandFailed(
      `--public-key: ${file} cannot be read (${error.code}); \`commerce audit-key\` prints the key.`,
    );
  });
  try {
    return readPublicKey(text);
  } catch (error) {
    if (error instanceof InvalidNote) throw new CommandFailed(`--public-key: ${file}: ${error.message}`);
    throw error;
  }
}

async function isReceipt(file: string): Promise<boolean> {
  const handle = await open(file).catch(() => undefined);
  try {
    const start = Buffer.alloc(RECEIPT_LINE.length);
    await handle?.read(start, 0, start.length, 0).catch(() => {}); // a folder; it is refused below
    return start.toString() === RECEIPT_LINE;
  } finally {
    await handle?.close();
  }
}

async function verifyReceipt(file: string, publicKey: PublicKey | undefined): Promise<Outcome> {
  const bytes = await readFile(file);
  try {
    if (bytes.length > MAX_RECEIPT_BYTES) throw new InvalidNote('It is too large for a receipt.');
    const { commit, index, origin, size, signatures } = checkReceipt(bytes.toString(), publicKey);
    const signature = publicKey ? 'valid' : 'not checked';
    const json = { file, problems: [], stream: commit.pk, commit: commit.sk, index, origin, size, signature };
    return { lines: receiptLines(file, { commit, index, origin, size, signatures }, publicKey), json, isSound: true };
  } catch (error) {
    if (!(error instanceof InvalidNote)) throw error;
    const { message: problem } = error;
    return { lines: [`${file}: ${problem}`], json: { file, problems: [{ problem }] }, isSound: false };
  }
}

function receiptLines(file: string, receipt: CheckedReceipt, publicKey: PublicKey | undefined): string[] {
  const { commit, index, origin, size } = receipt;
  return [
    `${file}: commit ${commit.sk} of ${commit.pk} is entry ${index} of the ${size} commits of ${origin}.`,
    signatureLine(publicKey ? 'valid' : 'not checked'),
  ];
}

async function verifyExport(file: string, publicKey: PublicKey | undefined): Promise<Outcome> {
  const progress = createProgress();
  try {
    const report = await verifyFile(file, {
      onProgress: (done, total) => progress.report('Verified bytes', done, total),
      ...(publicKey && { publicKey }),
    });
    progress.end();
    const { header, checkpoint, problems, ...counts } = report;
    const json = {
      file,
      ...counts,
      beyond: counts.commits - counts.covered,
      checkpoint: checkpoint && { ...checkpoint, root: checkpoint.root.toString('base64') },
      header,
      problems,
    };
    return { lines: exportLines(file, report), json, isSound: problems.length === 0 };
  } finally {
    progress.end();
  }
}

function exportLines(file: string, { header, commits, streams, covered, checkpoint, problems }: FileReport): string[] {
  const part = [
    header?.category && `category ${header.category}`,
    header?.from !== undefined && `from ${new Date(header.from).toISOString()}`,
    header?.to !== undefined && `to ${new Date(header.to).toISOString()}`,
  ].filter(Boolean);
  const what = `${commits} commits of ${streams} streams${part.length > 0 ? ` (${part.join(', ')})` : ''}`;
  const lines = problems.map(problemLine);
  if (problems.length > 0) return [...lines, `${file} was changed: ${places(problems.length)}, among ${what}.`];
  if (!checkpoint) return [`${file}: ${what}. There is nothing to sign yet: it has no checkpoint.`];
  return [
    `${file}: ${what} of ${checkpoint.origin}. All chains are whole.`,
    `The checkpoint of ${checkpoint.size} commits covers ${covered} of them. ${beyondLine(commits - covered)}`,
    ...(checkpoint.signature === 'invalid' ? [] : [signatureLine(checkpoint.signature, commits - covered)]),
    ...(header && !isWholeLog(header) ? [partLine(header)] : []),
  ];
}

/** What a part of the log cannot show. */
function partLine({ from }: Selection): string {
  const earlier = from === undefined ? 'from its first commit on' : 'between its first and its last one here';
  return `It is a part of the log: no commit of a stream is missing ${earlier}. It does not show whether there are other streams, or ${from === undefined ? '' : 'earlier or '}later commits of these.`;
}

const places = (count: number): string => (count === 1 ? 'one place is bad' : `${count} places are bad`);

/** `unsigned`: commits that the signed checkpoint does not cover. */
function signatureLine(signature: 'valid' | 'not checked', unsigned = 0): string {
  if (signature === 'valid' && unsigned > 0)
    return `The signature is valid for the others only: ${unsigned} ${unsigned === 1 ? 'commit is' : 'commits are'} not signed, and nothing proves ${unsigned === 1 ? 'it' : 'them'}.`;
  if (signature === 'valid') return 'The signature is valid.';
  return 'signature not checked: name the public key of the log with --public-key.';
}

function beyondLine(beyond: number): string {
  if (beyond === 0) return 'Nothing lies beyond it.';
  return `${beyond} ${beyond === 1 ? 'commit lies' : 'commits lie'} beyond it and so ${beyond === 1 ? 'rests' : 'rest'} on the chain alone.`;
}

interface PrintedProblem {
  where?: string;
  line?: number;
  stream?: string;
  commitNo?: number;
  problem: string;
}

export function problemLine({ where, line, stream, commitNo, problem }: PrintedProblem): string {
  const place = [where, line !== undefined && `line ${line}`].filter(Boolean).join(', ');
  const commit = stream === undefined ? undefined : `commit ${commitNo} of ${stream}`;
  return `${[place, commit].filter(Boolean).join(': ')}: ${problem}`;
}

async function verifyShop(
  options: VerifyOptions,
  archive: boolean,
  publicKey: PublicKey | undefined,
): Promise<Outcome> {
  const shop = await openShop(await configOfShop(options), { tell: console.error });
  try {
    const log = await verifyLog(shop);
    if (!archive) return logOutcome(log);
    const found = await verifyItsArchive(shop, publicKey);
    const { lines, json, isSound } = logOutcome(log);
    await record(shop, log, found);
    return {
      lines: [...lines, ...archiveLines(found)],
      json: { ...json, archive: { ...found.report, problems: found.problems } },
      isSound: isSound && found.problems.length === 0,
    };
  } finally {
    await shop.close();
  }
}

/** The result is kept in the log, so that auditors see when the last verification was. A log that was changed may refuse it. */
async function record(shop: Shop, log: CheckedLog, { report, problems }: CheckedArchive): Promise<void> {
  try {
    const [runner, clock] = await Promise.all([shop.get('runner'), shop.get('clock')]);
    const id = randomUUID();
    const result = {
      verificationId: id,
      commits: log.commits,
      archived: report.commits,
      checkpoints: report.checkpoints,
      problems: log.problems.length + problems.length,
    };
    const meta = { id, issuedAt: clock(), correlationId: id, actor: OPERATOR };
    orThrow(await runner.execute(ops, OPS, { type: 'RecordVerification', ...result }, meta));
  } catch (error) {
    console.error(`The result could not be recorded in the log: ${error instanceof Error ? error.message : error}`);
  }
}

interface CheckedLog extends StoreReport {
  /** Commits that the newest checkpoint covers, and the time up to which it covers the log. */
  checkpoint: { size: number; upTo: string } | null;
}

async function verifyLog(shop: Shop): Promise<CheckedLog> {
  const store = await shop.get('eventStore');
  const clock = await shop.get('clock');
  await untilFinal(store);
  const index = await shop.get('archiveIndex');
  const archive = await shop.get('archiveStore');
  const head = await index.head();
  const { size, upTo } = head;
  const progress = createProgress();
  try {
    const report = await verifyStore(
      { store, index, archive, head },
      {
        now: clock(),
        onProgress: (commits) => progress.report('Verified commits', commits, Math.max(commits, size)),
      },
    );
    return { ...report, checkpoint: size === 0 ? null : { size, upTo: new Date(millisOf(upTo)).toISOString() } };
  } finally {
    progress.end();
  }
}

function logOutcome(log: CheckedLog): Outcome {
  const { commits, streams, beyond, unchecked, checkpoint, problems } = log;
  const what = `${commits} commits of ${streams} streams`;
  const covered =
    checkpoint === null
      ? `There is no checkpoint yet, so all ${commits} commits rest on the chain alone; \`commerce archive\` signs one.`
      : `The newest checkpoint covers ${checkpoint.size} commits, up to ${checkpoint.upTo}. ${beyondLine(beyond)}`;
  const lines = [
    ...problems.map(problemLine),
    problems.length > 0
      ? `The log was changed: ${places(problems.length)}, among ${what}.`
      : `The log has ${what}. All chains are whole.`,
    covered,
    ...(unchecked > 0 ? [`${unchecked} commits of the last seconds are not checked yet.`] : []),
  ];
  return { lines, json: log, isSound: problems.length === 0 };
}

interface CheckedArchive {
  report: ArchiveReport;
  problems: ArchiveProblem[];
}

async function verifyItsArchive(shop: Shop, publicKey: PublicKey | undefined): Promise<CheckedArchive> {
  const verify = await shop.get('archiveVerification');
  const { name } = await shop.get('auditSigner');
  const problems: ArchiveProblem[] = [];
  const progress = createProgress();
  const onProgress = (commits: number, total: number) => progress.report('Verified archive', commits, total);
  try {
    const report = await verify({ onProblem: (problem) => problems.push(problem), onProgress }, publicKey?.(name));
    return { report, problems };
  } finally {
    progress.end();
  }
}

function archiveLines({ report, problems }: CheckedArchive): string[] {
  const { segments, commits, checkpoints, newest, unused } = report;
  const what = `${commits} commits in ${segments} segments, and ${checkpoints} checkpoints`;
  return [
    ...problems.map(problemLine),
    problems.length > 0
      ? `The archive or the log was changed: ${places(problems.length)}, among ${what}.`
      : `The archive has ${what}. All fit together, and the log has the same commits.`,
    ...(newest && newest.cosignedBy.length > 0 ? [`Witnesses: ${newest.cosignedBy.join(', ')}.`] : []),
    ...(unused > 0 ? [`${unused} segments that an interrupted archiver has left are not used.`] : []),
  ];
}
