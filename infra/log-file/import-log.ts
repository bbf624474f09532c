// Loads an export into an empty event store. The file is verified before the first write, because nothing could be removed again.
import type { StoredCommit } from '../../domain/kernel/commit.js';
import { OperatorError } from '../../domain/kernel/errors.js';
import type { LogLoader } from '../event-store/log-loader.js';
import { isWholeLog } from './export-format.js';
import { commitsOf, type FileReport, type VerifyOptions, verifyFile } from './verify-file.js';

/** Commits that are given to the event store at once, and their characters. */
const LOADED_AT_ONCE = 2_000;
const LOADED_LENGTH = 8 * 1024 * 1024;

/** The event store has commits already, or the file is not a whole log. Nothing was written. */
export class ImportRefused extends OperatorError {
  override name = 'ImportRefused';
}

/** Throws `ImportRefused` if the export is sound, but only a part of a log. */
export async function readExport(file: string, options: VerifyOptions): Promise<FileReport> {
  const report = await verifyFile(file, options);
  if (report.problems.length === 0 && report.header && !isWholeLog(report.header))
    throw new ImportRefused(`${file} has only a part of a log; export it without --from, --to and --category.`);
  return report;
}

/** Loads a file that `readExport` has found to be sound. Throws `ImportRefused` before it writes anything. */
export async function loadExport(
  file: string,
  { commits: total }: FileReport,
  loader: LogLoader,
  onProgress: (done: number, total: number) => void = () => {},
): Promise<void> {
  if (!(await loader.isEmpty()))
    throw new ImportRefused('The event store has commits already. A log can only be imported into an empty one.');
  let batch: StoredCommit[] = [];
  let length = 0;
  let done = 0;
  const load = async () => {
    await loader.load(batch);
    done += batch.length;
    onProgress(done, total);
    batch = [];
    length = 0;
  };
  for await (const { commit } of commitsOf(file)) {
    batch.push(commit);
    length += commit.ev.length;
    if (batch.length === LOADED_AT_ONCE || length > LOADED_LENGTH) await load();
  }
  await load();
  if (done !== total) throw new ImportRefused(`${file} has changed while it was read: it had ${total} commits.`);
}
