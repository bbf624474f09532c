// What is the same on every profile: the command path, identity, read models and what keeps them up to date.
import { ContainerModule } from 'inversify';
import { pino } from 'pino';
import { Registry } from 'prom-client';
import { createAgendaHandlers } from '../../commands/agenda/handlers.js';
import { createCheckoutProcess } from '../../commands/checkout/process.js';
import { createStockQueue } from '../../commands/checkout/stock-queue.js';
import { createSettlement } from '../../commands/order/settlement.js';
import { createSkuOwners } from '../../commands/product/sku-owners.js';
import { createCommandRunner } from '../../commands/runtime/command-runner.js';
import { createStepRunner } from '../../commands/runtime/steps.js';
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
import { projectionMetrics } from './projection-metrics.js';
import { openReadModels } from './read-models.js';
import {
  AGENDA_HANDLERS,
  CHECKOUT,
  CLAIMED,
  CLOCK,
  CODEC,
  CONFIG,
  COUNTED_LOG,
  EMAIL_KEY_OF,
  EVENT_STORE,
  FIRST_LOOK,
  KEYED_HASH,
  LOG,
  MASTER_KEY,
  METRICS,
  OWN_STORE,
  PAYMENT_SERVICE,
  PAYMENTS,
  PERSONAL_DATA,
  PROJECTOR_HOSTS,
  READ_MODELS,
  RUNNER,
  SEALS,
  SETTLEMENT,
  SINKS,
  SKU_OWNERS,
  SNAPSHOT_TEXTS,
  SNAPSHOTS,
  STEPS,
  STOCK_ALLOCATOR,
  SUBJECT_KEYS,
  TOKENS,
} from './tokens.js';

export const shopModule = new ContainerModule(({ bind }) => {
  bind(CLOCK).toConstantValue(Date.now);
  bind(METRICS).toConstantValue(new Registry());
  bind(PROJECTOR_HOSTS).toConstantValue(new Set());
  bind(FIRST_LOOK).toConstantValue(createFirstLook());
  bind(CODEC).toConstantValue(createCommitCodec(catalogue));
  bind(LOG).toResolvedValue(
    ({ logLevel }) => pino({ level: logLevel, serializers: { err: loggedError } }, standardError()),
    [CONFIG],
  );
  bind(COUNTED_LOG).toResolvedValue((log, clock) => createCountedLog({ log, clock }), [LOG, CLOCK]);

  bind(MASTER_KEY).toResolvedValue(
    // Not before the stores are found to fit: a lost key is told, not replaced.
    ({ dataDir, masterKey }, _mark) => loadMasterKey({ dataDir, ...(masterKey !== undefined && { given: masterKey }) }),
    [CONFIG, CLAIMED],
  );

  bind(KEYED_HASH).toResolvedValue(createKeyedHash, [MASTER_KEY]);
  bind(SEALS).toResolvedValue(createSeals, [MASTER_KEY]);
  bind(EMAIL_KEY_OF).toResolvedValue(createEmailKey, [KEYED_HASH]);

  bind(PERSONAL_DATA).toResolvedValue(
    (key, keys) => createPersonalData({ keys, keyWrap: createLocalKeyWrap(key), catalogue }),
    [MASTER_KEY, SUBJECT_KEYS],
  );

  bind(TOKENS).toResolvedValue(
    async ({ dataDir, tokenKey }, clock, _mark) => {
      const key = await loadTokenKey({ dataDir, ...(tokenKey !== undefined && { given: tokenKey }) });
      return createTokens({ key, clock });
    },
    [CONFIG, CLOCK, CLAIMED],
  );

  bind(OWN_STORE).toResolvedValue(rememberOwnCommits, [EVENT_STORE]);

  bind(SNAPSHOTS).toResolvedValue(
    (texts, keyedHash, log) =>
      createAuthenticSnapshots({
        texts,
        keyedHash,
        onDropped: (stream, foldVersion) =>
          log.warn({ stream, foldVersion }, 'a snapshot was not made by this shop, or changed since; it is dropped'),
      }),
    [SNAPSHOT_TEXTS, KEYED_HASH, COUNTED_LOG],
  );

  bind(RUNNER).toResolvedValue(
    ({ store }, snapshots, personal, clock, log) =>
      createCommandRunner({
        store,
        snapshots,
        personal,
        clock,
        catalogue,
        onSnapshotError: (error) => void log.warn({ err: error }, 'a snapshot could not be saved or loaded'),
      }),
    [OWN_STORE, SNAPSHOTS, PERSONAL_DATA, CLOCK, COUNTED_LOG],
  );

  bind(SKU_OWNERS).toResolvedValue((runner) => createSkuOwners({ runner }), [RUNNER]);

  bind(STOCK_ALLOCATOR).toResolvedValue(
    (runner, skuOwners) => createStockAllocator({ runner, skuOwners }),
    [RUNNER, SKU_OWNERS],
  );

  bind(STEPS).toResolvedValue(
    (runner, clock, payments) => createStepRunner({ runner, clock, payments }),
    [RUNNER, CLOCK, PAYMENTS],
  );

  bind(CHECKOUT).toResolvedValue(
    (runner, clock, steps, stock) => {
      const queue = createStockQueue({ runner, allocator: stock, clock });
      return createCheckoutProcess({ runner, clock, steps, stock, queue });
    },
    [RUNNER, CLOCK, STEPS, STOCK_ALLOCATOR],
  );

  bind(SETTLEMENT).toResolvedValue(
    (runner, steps, log) =>
      createSettlement({
        runner,
        steps,
        onUnsettled: (orderId, error) => log.warn({ orderId, err: error }, 'an order could not be settled yet'),
      }),
    [RUNNER, STEPS, LOG],
  );

  bind(AGENDA_HANDLERS).toResolvedValue(
    (runner, checkout, settlement, payments, { methods }, stock, { store }, clock) =>
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
    [RUNNER, CHECKOUT, SETTLEMENT, PAYMENTS, PAYMENT_SERVICE, STOCK_ALLOCATOR, OWN_STORE, CLOCK],
  );

  bind(READ_MODELS).toResolvedValue(
    (sinks, store, clock, log, registry) =>
      openReadModels({ sinks, store, clock, log, metrics: projectionMetrics(registry) }),
    [SINKS, EVENT_STORE, CLOCK, LOG, METRICS],
  );
});

/** Where nobody reads any more, or the disk is full, lines are lost; the shop goes on. */
function standardError() {
  const destination = pino.destination(2);
  destination.on('error', () => {});
  return destination;
}
