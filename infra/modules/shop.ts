// The parts that all profiles share: command path, identity, read models and projectors.
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { pino } from 'pino';
import { Registry } from 'prom-client';
import { createAgendaHandlers } from '../../commands/agenda/handlers.js';
import { createCurrentStaff } from '../../commands/identity/current-staff.js';
import { EVEN_ANSWER_MS } from '../../commands/identity/limits.js';
import { createOperations } from '../../commands/ops/operations.js';
import { createForgetting } from '../../commands/personal/forgetting.js';
import { createOpenings } from '../../commands/personal/openings.js';
import { createOwnStreams, type OrdersOfCustomer } from '../../commands/personal/own-streams.js';
import { type CommandRunner, createCommandRunner } from '../../commands/runtime/command-runner.js';
import { createCurrentSettings } from '../../commands/shop/settings.js';
import { createStockCommitments } from '../../commands/stock/commitments.js';
import { createShortfalls } from '../../commands/stock/shortfalls.js';
import { eventTypes } from '../../domain/events.js';
import type { EventStore, Fence } from '../../domain/kernel/event-store.js';
import type { Sealed } from '../../domain/kernel/personal.js';
import type { Agenda } from '../../domain/processes/agenda.js';
import { createRebuilds } from '../../projections/rebuild/rebuilds.js';
import { createThrottle } from '../../projections/rebuild/throttle.js';
import { readModelOf } from '../../projections/served.js';
import { createStockSnapshots } from '../../projections/snapshots/stock-snapshots.js';
import { createKnownBackups } from '../backup/known-backups.js';
import { createCountedLog } from '../counted-log.js';
import { createEmailKey } from '../crypto/email-key.js';
import { createKeyedHash, loadMasterKey } from '../crypto/master-key.js';
import { createPersonalData } from '../crypto/personal-data.js';
import { createRecordedOpenings } from '../crypto/recorded-openings.js';
import { createSeals } from '../crypto/seals.js';
import { createAuthenticSnapshots } from '../event-store/authentic-snapshots.js';
import { createCommitCodec } from '../event-store/codec.js';
import { rememberOwnCommits } from '../event-store/own-commits.js';
import { createPasswords } from '../identity/passwords.js';
import { findPreviousTokenKey, loadTokenKey } from '../identity/token-key.js';
import { createTokens } from '../identity/tokens.js';
import { loggedError } from '../logged-error.js';
import { createInBackground } from '../mail/in-background.js';
import { countConflicts } from '../metrics/append-conflicts.js';
import { createFileSpill, REBUILD_FOLDER } from '../rebuild/file-spill.js';
import { hasEnded, runnerOfThisProcess } from '../rebuild/runner.js';
import { tracedRunner } from '../tracing/traced.js';
import { createFirstLook } from './first-look.js';
import { createLeadership } from './leadership.js';
import { createDecisions, createQuarantine } from './operators.js';
import { constant, lazy, type Parts, type Recipes } from './parts.js';
import { assembleProcesses } from './processes.js';
import { projectionMetrics } from './projection-metrics.js';
import { openReadModels, PAUSABLE } from './read-models.js';

export const shopParts = {
  clock: constant(Date.now),

  metrics: () => lazy(() => new Registry()),

  projectorHosts: () => lazy((): Parts['projectorHosts'] => new Set()),

  firstLook: () => lazy(() => createFirstLook()),

  objects: ({ objectPlace, claimed: { log } }) => lazy(() => objectPlace.of(log)),

  stockSnapshots: ({ eventStore: store, objects }) => lazy(() => createStockSnapshots({ store, objects })),

  codec: constant(createCommitCodec(eventTypes)),

  log: ({ config: { logLevel } }) =>
    lazy(() => pino({ level: logLevel, serializers: { err: loggedError } }, standardError())),

  countedLog: ({ log, clock }) => lazy(() => createCountedLog({ log, clock })),

  masterKey: ({ config: { dataDir, masterKey }, claimed: _ }) =>
    lazy(() => loadMasterKey({ dataDir, given: masterKey })),

  keyedHash: ({ masterKey }) => lazy(() => createKeyedHash(masterKey)),

  seals: ({ masterKey }) => lazy(() => createSeals(masterKey)),

  emailKeyOf: ({ keyedHash }) => lazy(() => createEmailKey(keyedHash)),

  sessionOf: ({ keyedHash }) => lazy(() => (customerId) => keyedHash('views', customerId)),

  personal: ({ subjectKeys: keys, keyWrap, countedLog: log }) =>
    lazy(() => {
      const onUnreadable = ({ sealed, at }: Sealed, because: string) =>
        log.error({ subject: sealed, at, because }, 'a personal value cannot be opened; it is shown as forgotten');
      return createPersonalData({ keys, keyWrap, eventTypes, onUnreadable });
    }),

  tokens: ({ config: { dataDir, tokenKey, previousTokenKey }, clock, claimed: _ }) =>
    lazy(async () => {
      const key = await loadTokenKey({ dataDir, given: tokenKey });
      const previous = await findPreviousTokenKey({ dataDir, given: previousTokenKey });
      return createTokens({ key, previous, clock });
    }),

  ownStore: ({ eventStore, metrics }) => lazy(() => rememberOwnCommits(countConflicts(eventStore, metrics))),

  snapshots: ({ snapshotTexts: texts, keyedHash, countedLog: log }) =>
    lazy(() =>
      createAuthenticSnapshots({
        texts,
        keyedHash,
        onDropped: (stream, foldVersion) =>
          log.warn({ stream, foldVersion }, 'a snapshot was changed or not made by this shop; it is dropped'),
      }),
    ),

  runner: ({ ownStore: { store }, snapshots, personal, clock, countedLog, tracing }) =>
    lazy(() => openRunner(store, { snapshots, personal, clock, countedLog, tracing })),

  openings: ({ runner, clock }) => lazy(() => createOpenings({ runner, clock })),

  recordedOpenings: ({ personal, openings }) => lazy(() => createRecordedOpenings({ personal, openings })),

  passwords: () => lazy(() => createPasswords()),

  background: ({ lifecycle, log }) =>
    lazy(() => {
      const background = createInBackground({
        onFailed: (work, error) => log.error({ work, err: error }, 'work in the background failed'),
      });
      lifecycle.onClose(() => background.settled());
      return background;
    }),

  evenAnswerMs: constant(EVEN_ANSWER_MS),

  holders: ({
    config: { dataDir },
    personal,
    sessions,
    credentials,
    preferences,
    mailer,
    idempotency,
    viewStream,
    sessionOf,
    paymentService: { methods },
  }) =>
    lazy((): Parts['holders'] => [
      { name: 'data key', forget: (customerId) => personal.forget(customerId) },
      { name: 'keys in backups', forget: (customerId) => createKnownBackups(dataDir).forget(customerId) },
      { name: 'sessions', forget: (customerId) => sessions.endAll(customerId) },
      { name: 'credentials', forget: (customerId) => credentials.forget(customerId) },
      { name: 'preferences', forget: (customerId) => preferences.forget(customerId) },
      { name: 'mails', forget: (customerId) => mailer.forget(customerId) },
      { name: 'kept answers', forget: (customerId) => idempotency.forget({ role: 'customer', id: customerId }) },
      { name: 'views', forget: (customerId) => viewStream.forget(sessionOf(customerId)) },
      { name: 'payment provider', forget: (customerId) => methods.forget(customerId) },
    ]),

  agenda: ({ queries: { agenda } }) =>
    lazy((): Agenda => ({ due: async (before, limit) => (await agenda.current()).due(before, limit) })),

  ordersOfCustomer: ({ queries: { orders } }) =>
    lazy((): OrdersOfCustomer => ({ list: async (request) => (await orders.current()).list(request) })),

  ownStreams: ({ eventStore: store, runner: states, ordersOfCustomer: orders }) =>
    lazy(() => createOwnStreams({ store, states, orders })),

  forgetting: ({ runner, holders, ownStreams: own, ordersOfCustomer: orders, checkout, settlement, clock, log }) =>
    lazy(() => {
      const onUnfinished = (customerId: string, step: string, error: unknown) =>
        log.warn({ customerId, step, err: error }, 'a customer is not completely forgotten yet; it will be retried');
      return createForgetting({ runner, holders, orders, own, checkout, settlement, clock, onUnfinished });
    }),

  settings: ({ runner, clock }) => lazy(() => createCurrentSettings({ runner, clock })),

  staff: ({ runner, clock }) => lazy(() => createCurrentStaff({ runner, clock })),

  processes: ({ runner, clock, paymentService: { providers }, log }) =>
    lazy(() => assembleProcesses({ runner, clock, providers, log })),

  skuOwners: ({ processes: { skuOwners } }) => lazy(() => skuOwners),

  allocator: ({ processes: { allocator } }) => lazy(() => allocator),

  payments: ({ processes: { payments } }) => lazy(() => payments),

  checkout: ({ processes: { checkout } }) => lazy(() => checkout),

  settlement: ({ processes: { settlement } }) => lazy(() => settlement),

  leadership: ({ metrics: registry }) => lazy(() => createLeadership(registry)),

  agendaHandlersOf: ({
    ownStore: { store: ownStore },
    snapshots,
    personal,
    clock,
    countedLog,
    paymentService: { providers, methods },
    holders,
    ownStreams: own,
    ordersOfCustomer: orders,
    tracing,
    log,
  }) =>
    lazy(() => (fence) => {
      const store = fence ? fenced(ownStore, fence) : ownStore;
      const runner = openRunner(store, { snapshots, personal, clock, countedLog, tracing });
      const processes = assembleProcesses({ runner, clock, providers, log });
      const { allocator: stock, checkout, settlement } = processes;
      const commitments = createStockCommitments({ store });
      return createAgendaHandlers({
        runner,
        ...processes,
        forgetting: createForgetting({
          runner,
          holders,
          orders,
          own,
          checkout,
          settlement,
          clock,
          onUnfinished: () => {},
        }),
        shortfalls: createShortfalls({ runner, clock, stock, commitments, settlement }),
        savedMethodOf: async (customerId, paidWith) =>
          (await methods.of(customerId)).find(({ id }) => id === paidWith)?.id,
        clock,
      });
    }),

  queries: ({ readModels: { served }, queriesOf }) =>
    lazy(() => ({
      customers: readModelOf(served.customers, queriesOf.customers),
      orders: readModelOf(served.orders, queriesOf.orders),
      workLists: readModelOf(served.orders, queriesOf.workLists),
      stock: readModelOf(served.stock, queriesOf.stock),
      currentCarts: readModelOf(served.currentCarts, queriesOf.currentCarts),
      agenda: readModelOf(served.agenda, queriesOf.agenda),
      catalogue: readModelOf(served.catalogue, queriesOf.catalogue),
      productSearch: readModelOf(served.productSearch, queriesOf.productSearch),
      productPage: readModelOf(served.productPage, queriesOf.productPage),
      alsoBought: readModelOf(served.alsoBought, queriesOf.alsoBought),
    })),

  rebuilds: ({
    readModels: { stores },
    eventStore: store,
    codec,
    decisions: interventions,
    config: { dataDir },
    clock,
    log,
  }) =>
    lazy(() =>
      createRebuilds({
        stores,
        store,
        events: codec.events,
        interventions,
        spillOf: (table) => createFileSpill(join(dataDir, REBUILD_FOLDER, table)),
        runner: runnerOfThisProcess(),
        hasEnded,
        clock,
        log,
        rest: createThrottle(delay),
      }),
    ),

  decisions: ({ runner }) => lazy(() => createDecisions(runner)),

  quarantine: ({ readModels: { projectors } }) => lazy(() => createQuarantine(projectors)),

  operations: ({ runner, quarantine, personal, checkout, settlement }) =>
    lazy(() => createOperations({ runner, quarantine, targets: PAUSABLE, personal, checkout, settlement })),

  readModels: ({ sinks, eventStore: store, clock, log, metrics: registry, decisions: interventions }) =>
    lazy(() =>
      openReadModels({ sinks, store, clock, log, metrics: projectionMetrics(registry, clock), interventions }),
    ),
} satisfies Partial<Recipes>;

type RunnerParts = Pick<Parts, 'snapshots' | 'personal' | 'clock' | 'countedLog' | 'tracing'>;

function openRunner(
  store: EventStore,
  { snapshots, personal, clock, countedLog: log, tracing }: RunnerParts,
): CommandRunner {
  const runner = createCommandRunner({
    store,
    snapshots,
    personal,
    clock,
    eventTypes,
    onSnapshotError: (error) => void log.warn({ err: error }, 'a snapshot could not be saved or loaded'),
  });
  return tracing ? tracedRunner(runner, tracing) : runner;
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
