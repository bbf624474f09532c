// What an auditor needs for a verification: the public key, and the newest checkpoint of the archive with what lies beyond it.
import { z } from 'zod';
import { type Endpoint, endpoint } from '../../domain/kernel/endpoint.js';
import type { EventStore } from '../../domain/kernel/event-store.js';
import { lastVerificationIn } from '../queries/ops.js';

/** Commits beyond the checkpoint are counted up to here. */
export const MAX_COUNTED_BEYOND = 10_000;

export interface ArchiveState {
  /** Name of the log in its checkpoints. */
  origin: string;
  /** The public key: `<origin>+<id>+<key>`. */
  verifierKey: string;
  /** Null as long as nothing is archived. */
  checkpoint: {
    /** Number of commits that it covers. */
    size: number;
    /** Root of the Merkle tree, in base64. */
    root: string;
    /** The log up to this time is archived, in ms since 1970. */
    upTo: number;
    /** The signed note. */
    note: string;
    /** Names of the configured witnesses that have cosigned it. */
    cosignedBy: string[];
  } | null;
  /** Commits that no checkpoint covers, counted up to a limit. */
  beyond: number;
}

/** Reads the archive. Throws `Unavailable`. */
export interface ArchiveQueries {
  /** The signature of the checkpoint is verified. */
  state(limit: number): Promise<ArchiveState>;
}

const verification = z
  .strictObject({
    origin: z.string().meta({ description: 'Name of the log in its checkpoints' }),
    verifierKey: z.string().meta({ description: 'Public key of the log, as verifiers of signed notes take it' }),
    checkpoint: z
      .strictObject({
        size: z.int().meta({ description: 'Number of commits that the checkpoint covers' }),
        root: z.string().meta({ description: 'Root of the Merkle tree (RFC 6962), in base64' }),
        upTo: z.iso.datetime().meta({ description: 'The log up to this time is archived' }),
        note: z.string().meta({ description: 'The checkpoint: a signed note with all signatures' }),
        cosignedBy: z.array(z.string()).meta({ description: 'Witnesses that have cosigned the checkpoint' }),
      })
      .nullable(),
    beyond: z.strictObject({
      commits: z.int().meta({ description: 'Commits that no checkpoint covers: they rest on the hash chains alone' }),
      atLeast: z.boolean().meta({ description: 'There are more than these' }),
    }),
    lastVerification: z
      .strictObject({
        at: z.iso.datetime(),
        by: z.strictObject({ type: z.string(), id: z.string(), role: z.string().optional() }),
        commits: z.int().meta({ description: 'Commits of the log' }),
        archived: z.int().meta({ description: 'Commits in the archive' }),
        checkpoints: z.int(),
        problems: z.int().meta({ description: '0 if everything was as it was archived' }),
      })
      .nullable()
      .meta({ description: 'The last `commerce verify --archive`. Null if there was none' }),
  })
  .meta({ id: 'Verification' });

export interface VerificationDeps {
  archive: ArchiveQueries;
  store: Pick<EventStore, 'read'>;
}

export function verificationQuery({ archive, store }: VerificationDeps): Endpoint {
  return endpoint({
    method: 'get',
    path: '/v1/audit/verification',
    summary: 'Get the newest checkpoint of the archive',
    description:
      'Returns the newest signed checkpoint of the log, the public key, the number of commits that it does not cover yet, and the result of the last verification. The whole log is verified by `commerce verify --archive`.',
    roles: ['auditor'],
    answers: { 200: verification },
    async handle() {
      const { checkpoint, beyond, ...log } = await archive.state(MAX_COUNTED_BEYOND);
      const shown = checkpoint && { ...checkpoint, upTo: new Date(checkpoint.upTo).toISOString() };
      const counted = { commits: beyond, atLeast: beyond === MAX_COUNTED_BEYOND };
      const lastVerification = (await lastVerificationIn(store)) ?? null;
      return { status: 200, body: { ...log, checkpoint: shown, beyond: counted, lastVerification } };
    },
  });
}
