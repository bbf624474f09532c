import { expect } from 'chai';
import { eventTypes } from '../../domain/events.js';
import { FIRST_ORDER_NUMBER } from '../../domain/order-numbers/order-numbers.js';
import { createCommitCodec } from '../../infra/event-store/codec.js';
import { createMemoryEventStore, createMemoryLog } from '../../infra/event-store/memory.js';
import { unsealed } from '../../test/shop.js';
import { createCommandRunner } from '../runtime/command-runner.js';
import { createOrderNumbers } from './order-numbers.js';

describe('Order numbers across processes', () => {
  const log = () => createMemoryLog();

  /** A process on the log. Its lease is lost when it ends. */
  function openProcess(shared: ReturnType<typeof createMemoryLog>) {
    const store = createMemoryEventStore({ codec: createCommitCodec(eventTypes), log: shared, watermarkLagMs: 0 });
    const runner = createCommandRunner({ store, eventTypes, personal: unsealed, clock: Date.now });
    return createOrderNumbers({ runner, clock: Date.now });
  }

  const take = (numbers: { next(): Promise<string> }, count: number) =>
    Promise.all(Array.from({ length: count }, () => numbers.next()));

  it('are unique, however many processes hand them out at once', async () => {
    const shared = log();
    const processes = Array.from({ length: 4 }, () => openProcess(shared));
    const given = (await Promise.all(processes.map((numbers) => take(numbers, 250)))).flat();
    expect(new Set(given)).to.have.property('size', 1_000);
    expect(Math.min(...given.map(Number))).to.equal(FIRST_ORDER_NUMBER);
  });

  it('cost one commit per hundred', async () => {
    const shared = log();
    await take(openProcess(shared), 100);
    expect(shared.streams.get('order-numbers#shop')).to.have.length(1);
  });

  it('are wasted when their process ends, and not given again', async () => {
    const shared = log();
    const [last] = (await take(openProcess(shared), 3)).slice(-1);
    expect(last).to.equal(`${FIRST_ORDER_NUMBER + 2}`);
    expect(await openProcess(shared).next()).to.equal(`${FIRST_ORDER_NUMBER + 100}`);
  });
});
