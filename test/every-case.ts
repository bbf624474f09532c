// Tests that cost seconds: a normal run plays a part of them, `npm run test:long` (`EVERY_CASE=1`) plays all.

const isLong = Boolean(process.env.EVERY_CASE);

/** All cases, or a few that differ in kind. */
export const everyOr = <T>(all: readonly T[], few: readonly T[]): readonly T[] => (isLong ? all : few);

/** A normal run of a long test tries one history, or one case, of so many. */
const SHARE = 5;

/** All cases, or the first of each few. */
export const someOf = <T>(all: readonly T[]): readonly T[] => (isLong ? all : all.filter((_, n) => n % SHARE === 0));

/** How often a long property is tried. */
export const runsOf = (all: number): number => (isLong ? all : Math.ceil(all / SHARE));
