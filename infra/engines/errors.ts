// Errors of the engines on this machine. Each message says what to do.
import { OperatorError } from '../../domain/kernel/errors.js';

/** This machine cannot run the engine, or the engine did not start. */
export class EngineUnavailable extends OperatorError {
  override name = 'EngineUnavailable';
  constructor(
    readonly engine: string,
    readonly reason: string,
    options?: ErrorOptions,
  ) {
    super(`${engine}: not available: ${reason}`, options);
  }
}

/** The engine cannot write to a folder that it needs. */
export class ClosedFolder extends OperatorError {
  override name = 'ClosedFolder';
  constructor(
    readonly folder: string,
    reason: string,
    options?: ErrorOptions,
  ) {
    super(`The data folder ${folder} cannot be used: ${reason}`, options);
  }
}
