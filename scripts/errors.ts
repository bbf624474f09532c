// Error messages of commands: the problem and what to do, without a stack if the operator can solve it.
import { OperatorError, Problem } from '../domain/kernel/errors.js';

/** The exit code of a command that has found a violation: a difference, damage, or a change of the log. */
export const FOUND_A_VIOLATION = 3;

/** A command could not do what it was asked to do. */
export class CommandFailed extends OperatorError {
  override name = 'CommandFailed';
}

export function explain(error: unknown): string {
  if (error instanceof OperatorError || error instanceof Problem) return `commerce: ${error.message}`;
  const refusal = refusalOf(error);
  if (refusal) return `commerce: ${refusal}`;
  const detail = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return `commerce: internal error; please report it.\n${detail}`;
}

/** Errors of the operating system: the reason, and what to do. */
const REFUSALS: Readonly<Record<string, string>> = {
  EACCES: 'permission denied; use the account that owns it, change its permissions, or name another place',
  EPERM: 'this account may not do this; use another account, or name another place',
  EROFS: 'the file system is read-only; name another folder with --data, or make it writable',
  ENOSPC: 'the disk is full; free some space, or name another folder with --data',
  EDQUOT: 'the quota of this account is used up; free some space, or name another folder with --data',
  EFBIG: 'the file would be too large for this account or file system; raise the limit',
  ENOENT: 'it does not exist and cannot be created; name another place',
  ENOTDIR: 'a part of the path is not a folder; name another place',
  EISDIR: 'it is a folder, but a file is needed; remove it, or name another place',
  EEXIST: 'it already exists; remove it, or name another place',
  ENOTEMPTY: 'the folder is not empty; empty it, or name another place',
  ELOOP: 'its symbolic links form a loop; correct them, or name another place',
  ENAMETOOLONG: 'the path is too long; name a shorter one',
  EXDEV: 'it crosses to another file system; name a folder on a single one',
  EBUSY: 'it is in use by another program; stop that one',
  ETXTBSY: 'it is in use by another program; stop that one',
  EMFILE: 'too many files are open; raise the limit of open files (`ulimit -n`)',
  ENFILE: 'the system has too many open files; close other programs',
  ENOMEM: 'there is not enough memory; close other programs',
  EAGAIN: 'the system has no more processes or memory to give; close other programs, or raise `ulimit -u`',
  EIO: 'the device has failed; check the disk',
  ENXIO: 'the device does not exist; name another place',
  EADDRINUSE: 'it is in use; stop the program that listens there, or choose another port with --port',
  EADDRNOTAVAIL: 'it is not an address of this machine; name one with --host, such as 127.0.0.1, or 0.0.0.0 for all',
  EAFNOSUPPORT: 'this machine does not have this kind of address; name another one with --host',
  ENOTFOUND: 'there is no such host; check the name',
  EAI_AGAIN: 'the name cannot be looked up now; check the name and the network',
  ECONNREFUSED: 'nothing listens there; start it, or check the address',
  ECONNRESET: 'the other side closed the connection; look at its log',
  EHOSTUNREACH: 'it cannot be reached; check the address and the network',
  ENETUNREACH: 'it cannot be reached; check the address and the network',
  ETIMEDOUT: 'it does not answer; check the address and the network',
};

/** PostgreSQL states that its operator can solve: rights, names of databases and roles, resources. */
const POSTGRES_REFUSAL = /^(28...|3D000|42501|53...|57P0.|58030|25006)$/;

interface SystemError extends Error {
  code: string;
  syscall?: string;
  path?: string;
  address?: string;
  hostname?: string;
  port?: number;
  severity?: string;
  errors?: unknown[];
}

function refusalOf(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined;
  const { code, syscall, path, address, hostname, port, severity, errors } = error as SystemError;
  if (typeof code === 'string' && severity && POSTGRES_REFUSAL.test(code))
    return `Postgres refuses: ${error.message} (${code}).`;
  if (typeof code === 'string' && syscall !== undefined && REFUSALS[code]) {
    const host = address ?? hostname;
    const place = path ?? (host === undefined ? undefined : `${host}${port === undefined ? '' : `:${port}`}`);
    return `${place ?? 'The system'}: ${syscall.split(' ')[0]} failed (${code}): ${REFUSALS[code]}.`;
  }
  for (const inner of errors ?? []) {
    const refusal = refusalOf(inner);
    if (refusal) return refusal;
  }
  return refusalOf(error.cause);
}
