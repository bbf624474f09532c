// What functions that keep read models up to date have in common. They never open personal data and have no key for it.
import { createCommandRunner } from '../../commands/runtime/command-runner.js';
import { eventTypes } from '../../domain/events.js';
import { lazy } from '../modules/parts.js';
import { alarmParts } from '../modules/tamper-alarm.js';
import { absent, type FunctionRecipes } from './open.js';

export const projectionParts = {
  ...absent('personal', 'queriesOf'),
  ...alarmParts,

  // Reads what operators have decided.
  runner: ({ ownStore: { store }, personal, clock }) =>
    lazy(() => createCommandRunner({ store, personal, clock, eventTypes })),
} satisfies FunctionRecipes;
