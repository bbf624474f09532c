// The parts that all profiles share: command path, identity, read models and projectors.
import { pino } from 'pino';
import { Registry } from 'prom-client';
import { createAgendaHandlers } from '../../commands/agenda/handlers.js';
import { createCurrentStaff } from '../../commands/identity/current-staff.js';
import { type CommandRunner, createCommandRunner } from '../../commands/runtime/command-runner.js';
import { createCurrentSettings } from '../../commands/shop/settings.js';
import { createStockCommitments } from '../../commands/stock/commitments.js';
import { createShortfalls } from '../../commands/stock/shortfalls.js';
import { catalogue } from '../../domain/events.js';
import type { EventStore, Fence } from '../../domain/kernel/event-store.js';
import { createCountedLog } from '../counted-log.js';
import { createEmailKey } from '../crypto/email-key.js';
import { createKeyedHash, createLocalKeyWrap, loadMasterKey } from '../crypto/master-key.js';
import { createPersonalData } from '../crypto/personal-data.js';
import { createSeals } from '../crypto/seals.js';
import { createAuthenticSnapshots } from '../event-store/authentic-snapshots.js';
import { createCommitCodec } from '../event-store/codec.js';
import { rememberOwnCommits } from '../event-store/own-commits.js';
import { loadTokenKey } from '../identity/token-key.js';
import { createTokens } from '../identity/tokens.js';
import { loggedError } from '../logged-error.js';
import { createFirstLook } from './first-look.js';
import { createLeadership } from './leadership.js';
import { constant, type Parts, type Recipes, recipe } from './parts.js';
import { assembleProcesses } from './processes.js';
import { projectionMetrics } from './projection-metrics.js';
import { openReadModels } from './read-models.js';

export const shopParts = {
  clock: constant(Date.now),

  metrics: recipe([], () => new Registry()),

  projectorHosts: recipe([], (): Parts['projectorHosts'] => new Set()),

  firstLook: recipe([], () => createFirstLook()),

  codec: constant(createCommitCodec(catalogue)),

  log: recipe(['config'], ({ config: { logLevel } }) =>
    pino({ level: logLevel, serializers: { err: loggedError } }, standardError()),
  ),

  countedLog: recipe(['log', 'clock'], ({ log, clock }) => createCountedLog({ log, clock })),

  masterKey: recipe(['config', 'claimed'], ({ config: { dataDir, masterKey } }) =>
    loadMasterKey({ dataDir, ...(masterKey !== undefined && { given: masterKey }) }),
  ),

  keyedHash: recipe(['masterKey'], ({ masterKey }) => createKeyedHash(masterKey)),

  seals: recipe(['masterKey'], ({ masterKey }) => createSeals(masterKey)),

  emailKeyOf: recipe(['keyedHash'], ({ keyedHash }) => createEmailKey(keyedHash)),

  personal: recipe(['masterKey', 'subjectKeys'], ({ masterKey: key, subjectKeys: keys }) =>
    createPersonalData({ keys, keyWrap: createLocalKeyWrap(key), catalogue }),
  ),

  tokens: recipe(['config', 'clock', 'claimed'], async ({ config: { dataDir, tokenKey }, clock }) => {
    const key = await loadTokenKey({ dataDir, ...(tokenKey !== undefined && { given: tokenKey }) });
    return createTokens({ key, clock });
  }),

  ownStore: recipe(['eventStore'], ({ eventStore }) => rememberOwnCommits(eventStore)),

  snapshots: recipe(
    ['snapshotTexts', 'keyedHash', 'countedLog'],
    ({ snapshotTexts: texts, keyedHash, countedLog: log }) =>
      createAuthenticSnapshots({
        texts,
        keyedHash,
        onDropped: (stream, foldVersion) =>
          log.warn({ stream, foldVersion }, 'a snapshot was changed or not made by this shop; it is dropped'),
      }),
  ),

  runner: recipe(['ownStore', 'snapshots', 'personal', 'clock', 'countedLog'], ({ ownStore: { store }, ...deps }) =>
    openRunner(store, deps),
  ),

  settings: recipe(['runner', 'clock'], createCurrentSettings),

  staff: recipe(['runner', 'clock'], createCurrentStaff),

  processes: recipe(['runner', 'clock', 'paymentService', 'log'], ({ paymentService: { providers }, ...parts }) =>
    assembleProcesses({ ...parts, providers }),
  ),

  skuOwners: recipe(['processes'], ({ processes }) => processes.skuOwners),

  allocator: recipe(['processes'], ({ processes }) => processes.allocator),

  payments: recipe(['processes'], ({ processes }) => processes.payments),

  checkout: recipe(['processes'], ({ processes }) => processes.checkout),

  settlement: recipe(['processes'], ({ processes }) => processes.settlement),

  leadership: recipe(['metrics'], ({ metrics: registry }) => createLeadership(registry)),

  agendaHandlersOf: recipe(
    ['ownStore', 'snapshots', 'personal', 'clock', 'countedLog', 'paymentService', 'log'],
    ({ ownStore: { store: ownStore }, paymentService: { providers, methods }, log, ...deps }) =>
      (fence) => {
        const store = fenced(ownStore, fence);
        const { clock } = deps;
        const runner = openRunner(store, deps);
        const processes = assembleProcesses({ runner, clock, providers, log });
        const { allocator: stock, settlement } = processes;
        const commitments = createStockCommitments({ store });
        return createAgendaHandlers({
          runner,
          ...processes,
          shortfalls: createShortfalls({ runner, clock, stock, commitments, settlement }),
          savedMethodOf: async (customerId, paidWith) =>
            (await methods.of(customerId)).find(({ id }) => id === paidWith)?.id,
          clock,
        });
      },
  ),

  readModels: recipe(
    ['sinks', 'eventStore', 'clock', 'log', 'metrics'],
    ({ sinks, eventStore: store, clock, log, metrics: registry }) =>
      openReadModels({ sinks, store, clock, log, metrics: projectionMetrics(registry, clock) }),
  ),
} satisfies Partial<Recipes>;

function openRunner(
  store: EventStore,
  { snapshots, personal, clock, countedLog: log }: Pick<Parts, 'snapshots' | 'personal' | 'clock' | 'countedLog'>,
): CommandRunner {
  return createCommandRunner({
    store,
    snapshots,
    personal,
    clock,
    catalogue,
    onSnapshotError: (error) => void log.warn({ err: error }, 'a snapshot could not be saved or loaded'),
  });
}

/** The same store; its commits are refused once the term is over. */
function fenced(store: EventStore, fence: Fence): EventStore {
  return { ...store, append: (stream, after, commit) => store.append(stream, after, { ...commit, fence }) };
}

/** If nobody reads the log output, or the disk is full, log lines are lost and the shop continues. */
function standardError() {
  const destination = pino.destination(2);
  destination.on('error', () => {});
  return destination;
}
