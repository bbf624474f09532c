// Why an import cannot continue, in one line for the person who started it.
import { OperatorError } from '../../domain/kernel/errors.js';

export class ImportError extends OperatorError {
  override name = 'ImportError';
}
