// The program `commerce`: one file per command in commands/, loaded when the command is used.
import { Command, CommanderError } from 'commander';
import { ownEntry } from '../domain/kernel/json.js';
import { WrongUsage } from '../infra/config.js';
import { explain } from './errors.js';
import { handleSignals, stopUnheard } from './stopping.js';

/** Exit codes: 0 ok, 1 failed, 2 wrong usage, 3 found a violation. */
const WRONG_USAGE = 2;

const COMMANDS: Record<string, () => Promise<Command>> = {
  start: async () => (await import('./commands/start.js')).startCommand(),
  import: async () =>
    (await import('./commands/import.js')).importCommand(async (options) =>
      (await import('./import-shop.js')).openImportShop(options),
    ),
  'search-eval': async () => (await import('./commands/search-eval.js')).searchEvalCommand(),
  status: async () => (await import('./commands/status.js')).statusCommand(),
  archive: async () => (await import('./commands/archive.js')).archiveCommand(),
  prove: async () => (await import('./commands/prove.js')).proveCommand(),
  'audit-key': async () => (await import('./commands/audit-key.js')).auditKeyCommand(),
  quarantine: async () => (await import('./commands/quarantine.js')).quarantineCommand(),
  diff: async () => (await import('./commands/diff.js')).diffCommand(),
  pause: async () => (await import('./commands/pause.js')).pauseCommand(),
  resume: async () => (await import('./commands/pause.js')).resumeCommand(),
  payments: async () => (await import('./commands/payments.js')).paymentsCommand(),
  'stock-snapshot': async () => (await import('./commands/stock.js')).stockSnapshotCommand(),
  'stock-reconcile': async () => (await import('./commands/stock.js')).stockReconcileCommand(),
  rebuild: async () => (await import('./commands/rebuild.js')).rebuildCommand(),
  rollback: async () => (await import('./commands/rebuild.js')).rollbackCommand(),
  reconcile: async () => (await import('./commands/reconcile.js')).reconcileCommand(),
  replay: async () => (await import('./commands/replay.js')).replayCommand(),
  trace: async () => (await import('./commands/trace.js')).traceCommand(),
  token: async () => (await import('./commands/token.js')).tokenCommand(),
  staff: async () => (await import('./commands/staff.js')).staffCommand(),
  forget: async () => (await import('./commands/forget.js')).forgetCommand(),
  backup: async () => (await import('./commands/backup.js')).backupCommand(),
  restore: async () => (await import('./commands/restore.js')).restoreCommand(),
  export: async () => (await import('./commands/export.js')).exportCommand(),
  'import-log': async () => (await import('./commands/import-log.js')).importLogCommand(),
  verify: async () => (await import('./commands/verify.js')).verifyCommand(),
  demo: async () => (await import('./commands/demo.js')).demoCommand(),
  doctor: async () => (await import('./commands/doctor.js')).doctorCommand(),
  reset: async () => (await import('./commands/reset.js')).resetCommand(),
  engines: async () => (await import('./commands/engines.js')).enginesCommand(),
  capacity: async () => (await import('./commands/capacity.js')).capacityCommand(),
  'recommend-eval': async () => (await import('./commands/recommend-eval.js')).recommendEvalCommand(),
  bench: async () => (await import('./commands/bench.js')).benchCommand(),
};

async function main(args: string[]): Promise<void> {
  const program = new Command('commerce')
    .description('An event-sourced commerce core: commands, projections, read API.')
    .addHelpText('after', '\nExit codes: 0 ok, 1 failed, 2 wrong usage, 3 found a violation.')
    .exitOverride();
  const asked = ownEntry(COMMANDS, args[0] ?? '');
  const wanted = asked ? [asked] : Object.values(COMMANDS);
  for (const load of wanted) program.addCommand(withExitOverride(await load()));
  await program.parseAsync(args, { from: 'user' });
}

function withExitOverride(command: Command): Command {
  command.exitOverride();
  for (const subcommand of command.commands) withExitOverride(subcommand as Command);
  return command;
}

handleSignals();

/**
 * If the reader closes the pipe (`| head`), further output is dropped, and commands that wait for Ctrl-C stop. If the terminal is
 * gone or the disk is full, output is dropped as well, but nothing stops.
 */
for (const output of [process.stdout, process.stderr]) {
  output.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') stopUnheard();
  });
}

try {
  await main(process.argv.slice(2));
} catch (error) {
  if (error instanceof CommanderError) {
    process.exitCode = error.exitCode === 0 ? 0 : WRONG_USAGE;
  } else {
    console.error(explain(error));
    process.exitCode = error instanceof WrongUsage ? WRONG_USAGE : 1;
  }
}
