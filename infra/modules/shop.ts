// The parts that all profiles share: command path, identity, read models and projectors.
import { pino } from 'pino';
import { Registry } from 'prom-client';
import { createAgendaHandlers } from '../../commands/agenda/handlers.js';
import { createCheckoutProcess } from '../../commands/checkout/process.js';
import { createStockQueue } from '../../commands/checkout/stock-queue.js';
import { createCurrentStaff } from '../../commands/identity/current-staff.js';
import { createSettlement } from '../../commands/order/settlement.js';
import { createSkuOwners } from '../../commands/product/sku-owners.js';
import { createCommandRunner } from '../../commands/runtime/command-runner.js';
import { createStepRunner } from '../../commands/runtime/steps.js';
import { createCurrentSettings } from '../../commands/shop/settings.js';
import { createStockAllocator } from '../../commands/stock/allocator.js';
import { createStockCommitments } from '../../commands/stock/commitments.js';
import { createShortfalls } from '../../commands/stock/shortfalls.js';
import { catalogue } from '../../domain/events.js';
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
import { constant, lazy, type Parts, type Recipes } from './parts.js';
import { projectionMetrics } from './projection-metrics.js';
import { openReadModels } from './read-models.js';

export const shopParts = {
  clock: constant(Date.now),

  metrics: () => lazy(() => new Registry()),

  projectorHosts: () => lazy((): Parts['projectorHosts'] => new Set()),

  firstLook: () => lazy(() => createFirstLook()),

  codec: constant(createCommitCodec(catalogue)),

  log: ({ config: { logLevel } }) =>
    lazy(() => pino({ level: logLevel, serializers: { err: loggedError } }, standardError())),

  countedLog: ({ log, clock }) => lazy(() => createCountedLog({ log, clock })),

  masterKey: ({ config: { dataDir, masterKey }, claimed: _ }) =>
    lazy(() => loadMasterKey({ dataDir, ...(masterKey !== undefined && { given: masterKey }) })),

  keyedHash: ({ masterKey }) => lazy(() => createKeyedHash(masterKey)),

  seals: ({ masterKey }) => lazy(() => createSeals(masterKey)),

  emailKeyOf: ({ keyedHash }) => lazy(() => createEmailKey(keyedHash)),

  personal: ({ masterKey: key, subjectKeys: keys }) =>
    lazy(() => createPersonalData({ keys, keyWrap: createLocalKeyWrap(key), catalogue })),

  tokens: ({ config: { dataDir, tokenKey }, clock, claimed: _ }) =>
    lazy(async () => {
      const key = await loadTokenKey({ dataDir, ...(tokenKey !== undefined && { given: tokenKey }) });
      return createTokens({ key, clock });
    }),

  ownStore: ({ eventStore }) => lazy(() => rememberOwnCommits(eventStore)),

  snapshots: ({ snapshotTexts: texts, keyedHash, countedLog: log }) =>
    lazy(() =>
      createAuthenticSnapshots({
        texts,
        keyedHash,
        onDropped: (stream, foldVersion) =>
          log.warn({ stream, foldVersion }, 'a snapshot was changed or not made by this shop; it is dropped'),
      }),
    ),

  runner: ({ ownStore: { store }, snapshots, personal, clock, countedLog: log }) =>
    lazy(() =>
      createCommandRunner({
        store,
        snapshots,
        personal,
        clock,
        catalogue,
        onSnapshotError: (error) => void log.warn({ err: error }, 'a snapshot could not be saved or loaded'),
      }),
    ),

  settings: ({ runner, clock }) => lazy(() => createCurrentSettings({ runner, clock })),

  staff: ({ runner, clock }) => lazy(() => createCurrentStaff({ runner, clock })),

  skuOwners: ({ runner }) => lazy(() => createSkuOwners({ runner })),

  allocator: ({ runner, skuOwners }) => lazy(() => createStockAllocator({ runner, skuOwners })),

  steps: ({ runner, clock, payments }) => lazy(() => createStepRunner({ runner, clock, payments })),

  checkout: ({ runner, clock, steps, allocator: stock }) =>
    lazy(() => {
      const queue = createStockQueue({ runner, allocator: stock, clock });
      return createCheckoutProcess({ runner, clock, steps, stock, queue });
    }),

  settlement: ({ runner, steps, log }) =>
    lazy(() =>
      createSettlement({
        runner,
        steps,
        onUnsettled: (orderId, error) => log.warn({ orderId, err: error }, 'an order could not be settled yet'),
      }),
    ),

  agendaHandlers: ({
    runner,
    checkout,
    settlement,
    payments,
    paymentService: { methods },
    allocator: stock,
    ownStore: { store },
    clock,
  }) =>
    lazy(() =>
      createAgendaHandlers({
        runner,
        checkout,
        settlement,
        payments,
        shortfalls: createShortfalls({
          runner,
          clock,
          stock,
          commitments: createStockCommitments({ store }),
          settlement,
        }),
        savedMethodOf: async (customerId, paidWith) =>
          (await methods.of(customerId)).find(({ id }) => id === paidWith)?.id,
        clock,
      }),
    ),

  readModels: ({ sinks, eventStore: store, clock, log, metrics: registry }) =>
    lazy(() => openReadModels({ sinks, store, clock, log, metrics: projectionMetrics(registry) })),
} satisfies Partial<Recipes>;

/** If nobody reads the log output, or the disk is full, log lines are lost and the shop continues. */
function standardError() {
  const destination = pino.destination(2);
  destination.on('error', () => {});
  return destination;
}
