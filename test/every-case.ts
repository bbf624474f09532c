// Cases that cost seconds each: a daily run plays a few that differ in kind, `EVERY_CASE=1` plays all.
export const everyOr = <T>(all: readonly T[], few: readonly T[]): readonly T[] => (process.env.EVERY_CASE ? all : few);
