// Errors in the log: with a stack if a developer must find the place, without one if the message is sufficient.
import { stdSerializers } from 'pino';
import { OperatorError, Problem } from '../domain/kernel/errors.js';

export function loggedError(error: unknown): unknown {
  if (!(error instanceof Problem || error instanceof OperatorError)) return stdSerializers.err(error as Error);
  const { name: type, message } = error;
  const { code, engine, stream } = error as { code?: unknown; engine?: unknown; stream?: unknown };
  return { type, message, code, engine, stream };
}
