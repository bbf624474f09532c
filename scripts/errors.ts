// What people are told when a command fails: what is wrong and what to do, without a stack where the cause is theirs to mend.
import { Problem } from '../domain/kernel/errors.js';
import { ConfigError } from '../infra/config.js';

/** Errors whose message says all that is needed, by name, so that no engine has to be loaded to know them. */
const SPOKEN_FOR = new Set([
  'ClosedFolder',
  'CommandFailed',
  'DemoFailed',
  'EngineUnavailable',
  'ImportError',
  'MasterKeyInvalid',
  'PortUnavailable',
  'TokenKeyInvalid',
]);

/** A command could not do what it was asked for; the message says why, and what to do. */
export class CommandFailed extends Error {
  override name = 'CommandFailed';
}

export function explain(error: unknown): string {
  if (error instanceof ConfigError || error instanceof Problem) return `commerce: ${error.message}`;
  if (error instanceof Error && SPOKEN_FOR.has(error.name)) return `commerce: ${error.message}`;
  const detail = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return `commerce: this should not have happened; please report it.\n${detail}`;
}
