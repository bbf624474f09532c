// What people are told when a command fails: what is wrong and what to do, without a stack where the cause is theirs to mend.
import { OperatorError, Problem } from '../domain/kernel/errors.js';

/** A command could not do what it was asked for. */
export class CommandFailed extends OperatorError {
  override name = 'CommandFailed';
}

export function explain(error: unknown): string {
  if (error instanceof OperatorError || error instanceof Problem) return `commerce: ${error.message}`;
  const detail = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return `commerce: this should not have happened; please report it.\n${detail}`;
}
