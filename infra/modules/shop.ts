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
import { eventTypes } from '../../domain/events.js';
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
import { constant, type Parts, type Recipes, recipe } from './parts.js';
import { projectionMetrics } from './projection-metrics.js';
import { openReadModels } from './read-models.js';

export const shopParts = {
  clock: constant(Date.now),

  metrics: recipe([], () => new Registry()),

  projectorHosts: recipe([], (): Parts['projectorHosts'] => new Set()),

  firstLook: recipe([], () => createFirstLook()),

  codec: constant(createCommitCodec(eventTypes)),

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
    createPersonalData({ keys, keyWrap: createLocalKeyWrap(key), eventTypes }),
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

  runner: recipe(
    ['ownStore', 'snapshots', 'personal', 'clock', 'countedLog'],
    ({ ownStore: { store }, snapshots, personal, clock, countedLog: log }) =>
      createCommandRunner({
        store,
        snapshots,
        personal,
        clock,
        eventTypes,
        onSnapshotError: (error) => void log.warn({ err: error }, 'a snapshot could not be saved or loaded'),
      }),
  ),

  settings: recipe(['runner', 'clock'], createCurrentSettings),

  staff: recipe(['runner', 'clock'], createCurrentStaff),

  skuOwners: recipe(['runner'], ({ runner }) => createSkuOwners({ runner })),

  allocator: recipe(['runner', 'skuOwners'], ({ runner, skuOwners }) => createStockAllocator({ runner, skuOwners })),

  steps: recipe(['runner', 'clock', 'payments'], ({ runner, clock, payments }) =>
    createStepRunner({ runner, clock, payments }),
  ),

  checkout: recipe(['runner', 'clock', 'steps', 'allocator'], ({ runner, clock, steps, allocator: stock }) => {
    const queue = createStockQueue({ runner, allocator: stock, clock });
    return createCheckoutProcess({ runner, clock, steps, stock, queue });
  }),

  settlement: recipe(['runner', 'steps', 'log'], ({ runner, steps, log }) =>
    createSettlement({
      runner,
      steps,
      onUnsettled: (orderId, error) => log.warn({ orderId, err: error }, 'an order could not be settled yet'),
    }),
  ),

  agendaHandlers: recipe(
    ['runner', 'checkout', 'settlement', 'payments', 'paymentService', 'allocator', 'ownStore', 'clock'],
    ({
      runner,
      checkout,
      settlement,
      payments,
      paymentService: { methods },
      allocator: stock,
      ownStore: { store },
      clock,
    }) =>
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

  readModels: recipe(
    ['sinks', 'eventStore', 'clock', 'log', 'metrics'],
    ({ sinks, eventStore: store, clock, log, metrics: registry }) =>
      openReadModels({ sinks, store, clock, log, metrics: projectionMetrics(registry) }),
  ),
} satisfies Partial<Recipes>;

/** If nobody reads the log output, or the disk is full, log lines are lost and the shop continues. */
function standardError() {
  const destination = pino.destination(2);
  destination.on('error', () => {});
  return destination;
}
