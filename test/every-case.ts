// Tests that take seconds: a normal run executes a part of them, `npm run test:long` (`EVERY_CASE=1`) all.

const isLong = Boolean(process.env.EVERY_CASE);

/** All cases, or a few of different kinds. */
export const everyOr = <T>(all: readonly T[], few: readonly T[]): readonly T[] => (isLong ? all : few);

/** A quantity that is smaller in a normal run. */
export const fullOr = (full: number, less: number): number => (isLong ? full : less);

/** A normal run of a long test tries one in this many histories or cases. */
const SHARE = 5;

/** All cases, or the first of each group. */
export const someOf = <T>(all: readonly T[]): readonly T[] => (isLong ? all : all.filter((_, n) => n % SHARE === 0));

/** All cases, or one group of them: the one of this turn. Turns one after the other come to all cases. */
export const turnOf = <T>(all: readonly T[], turn: number): readonly T[] =>
  isLong ? all : all.filter((_, n) => n % SHARE === turn % SHARE);

/** Number of runs of a long property. */
export const runsOf = (all: number): number => (isLong ? all : Math.ceil(all / SHARE));
