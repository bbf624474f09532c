// What the API says about the archive.
import { millisOf } from '../../domain/kernel/clock.js';
import type { EventStore } from '../../domain/kernel/event-store.js';
import type { ArchiveQueries } from '../../read-api/audit/verification.js';
import { openCheckpoint } from './checkpoint.js';
import { readCheckpoint } from './layout.js';
import type { ArchiveIndex, ArchiveStore } from './port.js';
import { type NoteSigner, noteVerifier } from './signed-note.js';
import type { Witness } from './witness.js';

export interface ArchiveQueryDeps {
  store: Pick<EventStore, 'newest'>;
  archive: ArchiveStore;
  index: ArchiveIndex;
  signer: NoteSigner;
  witnesses: readonly Witness[];
}

export function createArchiveQueries({ store, archive, index, signer, witnesses }: ArchiveQueryDeps): ArchiveQueries {
  const log = noteVerifier(signer.verifierKey);
  const known = witnesses.map(({ verifier }) => verifier);
  return {
    async state(limit) {
      const head = await index.head();
      const note = head.segments === 0 ? undefined : await readCheckpoint(archive, head.segments);
      let beyond = 0;
      for await (const _ of store.newest(head.upTo)) if (++beyond === limit) break;
      const origin = { origin: signer.name, verifierKey: signer.verifierKey };
      if (note === undefined) return { ...origin, checkpoint: null, beyond };
      const { size, root, signatures } = openCheckpoint(note, log, known);
      const cosignedBy = signatures.filter(({ at }) => at !== undefined).map(({ name }) => name);
      const upTo = millisOf(head.upTo);
      return { ...origin, checkpoint: { size, root: root.toString('base64'), upTo, note, cosignedBy }, beyond };
    },
  };
}
