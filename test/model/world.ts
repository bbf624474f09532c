// A shop of two processes on one log, with a bank, a virtual clock and an agenda, and the actions of its customers and staff. A
// process that dies is replaced by one without memory.
import { type AgendaHandlers, createAgendaWorker } from '../../commands/agenda/agenda.js';
import { createAgendaHandlers } from '../../commands/agenda/handlers.js';
import { paymentWebhook } from '../../commands/checkout/payment-webhooks.js';
import type { PaymentProvider } from '../../commands/payment/provider.js';
import type { CommandRunner } from '../../commands/runtime/command-runner.js';
import type { Commit } from '../../domain/kernel/commit.js';
import type { Caller } from '../../domain/kernel/endpoint.js';
import { isProblem, Problem, StreamBusy, Unavailable } from '../../domain/kernel/errors.js';
import type { AppendResult, EventStore, NewCommit } from '../../domain/kernel/event-store.js';
import { defined } from '../../domain/kernel/json.js';
import type { StreamId } from '../../domain/kernel/stream.js';
import type { Agenda } from '../../domain/processes/agenda.js';
import { agenda as agendaModel } from '../../projections/models/agenda.js';
import { currentCarts } from '../../projections/models/current-carts.js';
import type { Answer, Call } from '../call-endpoint.js';
import { createShop, type Shop } from '../shop.js';
import { the } from '../the.js';
import { type Bank, type BankEvent, createBank } from './bank.js';
import { createEffects, type Effects, type Fault, type Mortal } from './faults.js';
import { createModel, type Model } from './fold.js';
import type { Turns, VirtualClock } from './turns.js';

const PROCESSES = 2;
/** Entries of the caches, for the few dozen streams of a history. */
const CACHE_SIZE = 200;
/** Number of attempts of a customer or the bank without an answer. */
const ATTEMPTS = 4;
/** Highest lag of a read model, in commits. */
const MAX_LAG = 6;
/** Longest delay of a webhook, in turns. */
const MAX_DELAY = 60;

/** Replacements for parts of the shop, to check that the laws detect them. */
export interface Plant {
  runner?: (runner: CommandRunner) => CommandRunner;
  provider?: (provider: PaymentProvider) => PaymentProvider;
  handlers?: (handlers: AgendaHandlers) => AgendaHandlers;
  store?: (store: EventStore) => EventStore;
}

export interface WorldOptions {
  turns: Turns;
  clock: VirtualClock;
  openStore: () => EventStore;
  faults: readonly Fault[];
  callers: readonly Caller[];
  /** By customer. */
  savedCards: ReadonlyMap<string, string>;
  /** Prefix of the idempotency keys, and so of the seeds of derived ids. */
  prefix: string;
  plant?: Plant;
}

/** One process of the shop. */
interface Worker extends Mortal {
  shop: Shop;
  look: () => Promise<void>;
  hear: (event: BankEvent) => Promise<unknown>;
  /** Rejects when the worker dies. */
  death: Promise<never>;
}

/** The result of a request: an answer, a problem, or no answer. */
export type Reply = { answer: Answer } | { problem: Problem } | { unheard: true };

export interface World {
  turns: Turns;
  clock: VirtualClock;
  bank: Bank;
  /** Every stored commit in order, acknowledged or not. */
  commits: readonly Commit[];
  store: EventStore;
  /** Sends a request as a client, and repeats it with the same key if it gets no answer. */
  ask(target: string, call: Call): Promise<Reply>;
  /** One process runs the agenda once. */
  look(): Promise<void>;
  /** Runs the work and everything that it triggers. */
  during(work: () => Promise<unknown>): Promise<void>;
  /** Runs without turns and faults, as if the result had always existed. */
  quietly(work: (shop: Shop) => Promise<unknown>): Promise<void>;
  /** No faults from now on. */
  calm(): void;
  /** Open work, by its subject. */
  agenda(): ReturnType<Model<typeof agendaModel>['documents']>;
  /** Errors that must not occur. */
  bugs: unknown[];
}

class Died extends Error {}

export function createWorld({
  turns,
  clock,
  openStore,
  faults,
  callers,
  savedCards,
  prefix,
  plant = {},
}: WorldOptions): World {
  const commits: Commit[] = [];
  const bugs: unknown[] = [];
  const loose = new Set<Promise<unknown>>();
  const effects: Effects = createEffects(faults, turns, goOn);
  const agendaOf = createModel(agendaModel, commits);
  const cartsOf = createModel(currentCarts, commits);
  const agenda: Agenda = {
    async due(before, limit) {
      const documents = [...agendaOf.documents(commits.length - lag()).values()];
      const due = documents.flatMap((document) => (document?.dueAt === undefined ? [] : [document]));
      return due
        .filter(({ dueAt }) => Date.parse(the(dueAt)) < before)
        .sort((a, b) => (the(a.dueAt) < the(b.dueAt) ? -1 : 1))
        .slice(0, limit)
        .map(({ item }) => the(item));
    },
  };
  const bank = createBank(clock, (event) => goOn(tell(event)));
  const workers: Worker[] = Array.from({ length: PROCESSES }, openWorker);
  const plain = openStore();
  let noise = true;
  let keys = 0;

  /** Work that continues although nobody waits for it. The history ends when all of it has ended. */
  function goOn(work: Promise<unknown>): void {
    const done: Promise<unknown> = work.catch((error) => bugs.push(error)).finally(() => loose.delete(done));
    loose.add(done);
  }

  function lag(): number {
    return noise ? turns.random(MAX_LAG) : 0;
  }

  function openWorker(): Worker {
    let die!: (error: Died) => void;
    const death = new Promise<never>((_, reject) => {
      die = reject;
    });
    death.catch(() => {});
    const life = {
      ended: false,
      die() {
        life.ended = true;
        die(new Died());
      },
    };
    const store = storeOf(life);
    const provider = providerOf(life);
    const shop = createShop({
      store: plant.store?.(store) ?? store,
      clock,
      provider: plant.provider?.(provider) ?? provider,
      callers,
      currentCartOf: async (customerId) => newestOpenOf(customerId),
      pause: async (ms) => {
        await turns.take(life);
        clock.pass(ms);
      },
      cacheSize: CACHE_SIZE,
      ...defined({ through: plant.runner }),
    });
    const { runner, processes } = shop;
    const { payments, checkout, settlement, shortfalls, forgetting } = processes;
    const handlers = createAgendaHandlers({
      runner,
      checkout,
      settlement,
      payments,
      shortfalls,
      forgetting,
      savedMethodOf: async (customerId) => savedCards.get(customerId),
      clock,
    });
    const onError = (_: unknown, error: unknown) => void (isExpected(error) || bugs.push(error));
    const look = createAgendaWorker({ agenda, handlers: plant.handlers?.(handlers) ?? handlers, clock, onError });
    const webhook = paymentWebhook({
      provider: 'test',
      signedBy: 'Nobody',
      read: (body) => JSON.parse(Buffer.from(body).toString()),
      books: { find: (reference) => ask(life, () => bank.find(reference)) },
      runner,
      payments,
      checkout,
      settlement,
      onEvent: (_, __, error) => void (error === undefined || isExpected(error) || bugs.push(error)),
    });
    const hear = (event: BankEvent) => {
      const signed = { body: Buffer.from(JSON.stringify(event)), signature: '' };
      return webhook.handle({ signed } as never);
    };
    return Object.assign(life, { shop, death, hear, look: () => look(new AbortController().signal) });
  }

  function storeOf(life: Mortal): EventStore {
    const inner = openStore();
    async function put(stream: StreamId, after: Parameters<EventStore['append']>[1], commit: NewCommit) {
      const result = await inner.append(stream, after, commit);
      if (result.appended) arrive({ stream, after, commit, result });
      return result;
    }
    return {
      ...inner,
      append: (stream, after, commit) =>
        noise
          ? effects.perform(life, () => put(stream, after, commit), { appended: false })
          : put(stream, after, commit),
      async *read(stream, after) {
        if (noise) await turns.take(life);
        yield* inner.read(stream, after);
      },
    };
  }

  function arrive({ stream, after, commit, result }: Arrival): void {
    if (commits.some((known) => known.stream === stream && known.position.hash === result.position.hash)) return;
    const { commandIds, events } = commit;
    commits.push({
      stream,
      position: result.position,
      firstVersion: after.version + 1,
      commandIds,
      previousHash: after.hash,
      events,
    });
  }

  function ask<T>(life: Mortal, act: () => Promise<T>): Promise<T> {
    return noise ? effects.perform(life, act) : act();
  }

  function providerOf(life: Mortal): PaymentProvider {
    const { open, authorise, retrieve, capture, void: cancel, refund } = bank.provider;
    return {
      open: (request) => ask(life, () => the(open)(request)),
      authorise: (request) => ask(life, () => authorise(request)),
      retrieve: (request) => ask(life, () => the(retrieve)(request)),
      capture: (operation) => ask(life, () => capture(operation)),
      void: (operation) => ask(life, () => cancel(operation)),
      refund: (operation) => ask(life, () => refund(operation)),
    };
  }

  function newestOpenOf(customerId: string): string | undefined {
    const carts = [...cartsOf.documents(commits.length - lag()).values()];
    const own = carts.filter((cart) => cart?.customerId === customerId && cart.openAt);
    return own.sort((a, b) => (the(a?.openAt) < the(b?.openAt) ? -1 : 1)).at(-1)?.cartId;
  }

  /** A webhook is delivered now or later, twice, or never. */
  async function tell(event: BankEvent): Promise<void> {
    const times = noise ? the([1, 1, 2, 0][turns.random(4)]) : 1;
    const copies = Array.from({ length: times }, async () => {
      for (let delay = turns.random(MAX_DELAY); delay > 0; delay--) await turns.take();
      await persist((worker) => worker.hear(event));
    });
    await Promise.all(copies);
  }

  /** Undefined if no attempt got an answer. */
  async function persist<T>(act: (worker: Worker) => Promise<T>): Promise<T | undefined> {
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      try {
        return await on(act);
      } catch (error) {
        if (!(error instanceof Died) && !(error instanceof Unavailable) && !(error instanceof StreamBusy)) throw error;
      }
    }
    return undefined;
  }

  async function on<T>(act: (worker: Worker) => Promise<T>): Promise<T> {
    await turns.take();
    const place = turns.random(PROCESSES);
    if (the(workers[place]).ended) workers[place] = openWorker();
    const worker = the(workers[place]);
    return Promise.race([act(worker), worker.death]);
  }

  return {
    turns,
    clock,
    bank,
    commits,
    bugs,
    store: plain,
    agenda: () => agendaOf.documents(),
    calm: () => {
      effects.calm();
    },
    async ask(target, call) {
      const asked = { ...call, key: `${prefix}${keys++}`, issuedAt: clock() };
      try {
        const answer = await persist(({ shop }) => shop.call(target, asked));
        return answer ? { answer } : { unheard: true };
      } catch (error) {
        if (isProblem(error)) return { problem: error };
        throw error;
      }
    },
    look: () => on((worker) => worker.look()).catch(ignoreDeath),
    async during(work) {
      const all = async () => {
        await work();
        while (loose.size > 0) await Promise.all(loose);
      };
      await turns.during(all());
    },
    async quietly(work) {
      noise = false;
      await work(the(workers[0]).shop);
      noise = true;
    },
  };
}

interface Arrival {
  stream: StreamId;
  after: Parameters<EventStore['append']>[1];
  commit: NewCommit;
  result: Extract<AppendResult, { appended: true }>;
}

function ignoreDeath(error: unknown): void {
  if (!(error instanceof Died)) throw error;
}

/** True for an unavailable engine or a lost race. */
function isExpected(error: unknown): boolean {
  return error instanceof Problem;
}
