// What can be wrong with an engine on this machine; each message says what to do.
import { OperatorError } from '../../domain/kernel/errors.js';

/** This machine cannot run the engine, or the engine did not come up. */
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

/** A folder that the engine must write to is closed to it. */
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
