// Why an import cannot go on, in one line for the person who started it.
export class ImportError extends Error {
  override name = 'ImportError';
}
