// Errors in the log: with a stack if a developer must find the place, without one if the message is sufficient. Only known members
// are written, because drivers put rows, documents and requests into their errors, and with them the data of people.
import { OperatorError, Problem } from '../domain/kernel/errors.js';
import { defined } from '../domain/kernel/json.js';

/** Codes and names that drivers and our errors have. None of them is chosen by a customer. */
const MEMBERS = [
  'code',
  'engine',
  'stream',
  'statusCode',
  'severity',
  'schema',
  'table',
  'constraint',
  'syscall',
] as const;

/** Causes of causes that are written. */
const MAX_CAUSES = 3;

export function loggedError(error: unknown): unknown {
  if (error instanceof Problem || error instanceof OperatorError) return told(error);
  return withCauses(error, MAX_CAUSES);
}

function withCauses(error: unknown, deeper: number): object {
  if (!(error instanceof Error)) return { type: typeof error };
  const next = deeper > 0 ? error.cause : undefined;
  const parts = deeper > 0 && error instanceof AggregateError ? error.errors : undefined;
  return {
    ...told(error),
    stack: placesOf(error),
    ...(next !== undefined && { cause: withCauses(next, deeper - 1) }),
    ...(parts && { errors: parts.slice(0, MAX_CAUSES).map((part) => withCauses(part, deeper - 1)) }),
  };
}

function told(error: Error): object {
  const members = error as unknown as Record<string, unknown>;
  const known = MEMBERS.map((name) => [name, typeof members[name] === 'object' ? undefined : members[name]]);
  return { type: error.name, message: messageOf(error), ...defined(Object.fromEntries(known)) };
}

const EMAIL = /[\w.+-]+@[\w-]+(\.[\w-]+)+/g;

/** A syntax error quotes the text that could not be read. */
function messageOf(error: Error): string {
  return error instanceof SyntaxError ? 'a text cannot be read' : error.message.replace(EMAIL, '…@…');
}

/** The stack without its beginning, which repeats the message. */
function placesOf({ stack = '' }: Error): string {
  return stack
    .split('\n')
    .filter((line) => /^\s+at /.test(line))
    .join('\n');
}
