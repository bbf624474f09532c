// The synonyms of the search, read from the configured file while the program runs.
import type { Synonyms } from '../../projections/models/synonyms.js';
import { openSynonyms } from '../read-models/synonyms-file.js';
import type { Lifecycle } from './lifecycle.js';

export async function watchedSynonyms(
  path: string | undefined,
  lifecycle: Pick<Lifecycle, 'onClose'>,
  log: { warn(fields: object, message: string): void },
): Promise<() => Synonyms> {
  const file = await openSynonyms({ path, warn: (message) => log.warn({}, message) });
  lifecycle.onClose(() => file.close());
  return () => file.current();
}
