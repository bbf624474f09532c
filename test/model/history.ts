// One history of the shop: rounds of concurrent stories with faults, and a quiet phase at the end.
import fc from 'fast-check';
import { eventTypes } from '../../domain/events.js';
import type { EventStore } from '../../domain/kernel/event-store.js';
import { defined } from '../../domain/kernel/json.js';
import { createCommitCodec } from '../../infra/event-store/codec.js';
import { createMemoryEventStore, createMemoryLog } from '../../infra/event-store/memory.js';
import { freshName } from '../engines.js';
import { the } from '../the.js';
import { CARDS } from './bank.js';
import { type Fault, faultsWithin } from './faults.js';
import { checkLaws } from './laws.js';
import {
  collectAll,
  furnish,
  type Promises,
  peopleOf,
  purchases,
  type Scene,
  type Story,
  scenes,
  stories,
  tell,
} from './stories.js';
import { createClock, createFreeTurns, createTurns } from './turns.js';
import { createWorld, type Plant, type World, type WorldOptions } from './world.js';

/** Typical number of appends and calls in a history. */
const EFFECTS = 400;
const MAX_FAULTS = 8;
const EPOCH = Date.parse('2026-01-01T00:00:00Z');

/** All work that is due within this time must end, including reservations and unpaid orders. */
const HORIZON_MS = 60 * 60_000;
/** Time between two runs of the agenda in the quiet phase. */
const PAUSE_MS = 60_000;
const MAX_LOOKS = 200;

export interface History {
  /** Seed of the sequence of turns. */
  seed: number;
  scene: Scene;
  rounds: readonly (readonly Story[])[];
  faults: readonly Fault[];
}

export const histories = (): fc.Arbitrary<History> =>
  fc.record({
    seed: fc.nat(),
    scene: scenes,
    rounds: fc
      .tuple(
        fc.array(purchases, { minLength: 1, maxLength: 5 }),
        fc.array(fc.array(stories, { minLength: 1, maxLength: 6 }), { maxLength: 4 }),
      )
      .map(([first, others]) => [first, ...others]),
    faults: faultsWithin(EFFECTS, MAX_FAULTS),
  });

export const codec = createCommitCodec(eventTypes);

/** In memory, where the same history always runs the same way. */
export function playInMemory(history: History, plant?: Plant): Promise<void> {
  const log = createMemoryLog();
  const clock = createClock(EPOCH);
  const turns = createTurns(history.seed, clock);
  const openStore = () => createMemoryEventStore({ codec, log, clock, watermarkLagMs: 0 });
  return play(history, createWorldOf(history, { clock, turns, openStore, ...defined({ plant }) }));
}

/** On an engine, at its own speed, with unique names, because histories share tables. */
export function playOn(openStore: () => EventStore, given: History): Promise<void> {
  const prefix = freshName('M').toUpperCase();
  const history = { ...given, scene: { ...given.scene, prefix } };
  const clock = createClock(Date.now());
  return play(history, createWorldOf(history, { clock, turns: createFreeTurns(history.seed, clock), openStore }));
}

function createWorldOf(
  { faults, scene }: History,
  options: Omit<WorldOptions, 'faults' | 'callers' | 'savedCards' | 'prefix'>,
) {
  const { customers, guests } = peopleOf(scene);
  const savedCards = new Map([[the(customers[0]).id, CARDS.visa]]);
  return createWorld({ ...options, faults, callers: [...customers, ...guests], savedCards, prefix: scene.prefix });
}

async function play({ scene, rounds }: History, world: World): Promise<void> {
  const promises: Promises = { orders: [], agreed: [], merged: [] };
  await world.quietly((shop) => furnish(scene, shop));
  for (const round of rounds) {
    await world.during(() => Promise.all(round.map((story) => tell(story, world, scene, promises))));
  }
  await comeToRest(world);
  await world.during(() => collectAll(world));
  await comeToRest(world);
  await checkLaws(world, promises);
}

/** Runs the agenda until nothing is due for a while. */
async function comeToRest(world: World): Promise<void> {
  world.calm();
  world.bank.calm();
  for (let looks = 0; looks < MAX_LOOKS; looks++) {
    await world.during(() => Promise.all([world.look(), world.look()]));
    const times = [...world.agenda().values()].flatMap((document) => document?.dueAt ?? []);
    const next = Math.min(...times.map((time) => Date.parse(time)));
    if (next > world.clock() + HORIZON_MS) return;
    world.clock.pass(Math.max(PAUSE_MS, next + 1 - world.clock()));
  }
}
