// Corrects a misspelt word by the words of the catalogue.
import { wordsIn } from './search-words.js';

/** Shorter words have too many neighbours; longer ones are codes. */
const SHORTEST = 5;
const LONGEST = 24;

/** Words of up to this length may differ in one place, longer ones in two. */
const ONE_MISTAKE = 6;

/** Codes and numbers are not corrected: a similar one is another product. */
export function isCorrectable(word: string): boolean {
  return word.length >= SHORTEST && word.length <= LONGEST && /^\p{L}+$/u.test(word);
}

/** The word of these texts with the fewest changes; of several the one that most texts have. */
export function closestWord(word: string, texts: readonly string[]): string | undefined {
  const counts = new Map<string, number>();
  for (const text of texts) {
    for (const each of new Set(wordsIn(text).filter(isCorrectable))) counts.set(each, (counts.get(each) ?? 0) + 1);
  }
  const most = word.length <= ONE_MISTAKE ? 1 : 2;
  const near = [...counts]
    .map(([other, count]) => ({ other, count, changes: changesBetween(word, other, most) }))
    .filter(({ changes }) => changes > 0 && changes <= most)
    .sort((a, b) => a.changes - b.changes || b.count - a.count || (a.other < b.other ? -1 : 1));
  return near[0]?.other;
}

/** Letters added, left out, replaced or swapped with a neighbour; more than `most` if there are more. */
export function changesBetween(a: string, b: string, most: number): number {
  if (Math.abs(a.length - b.length) > most) return most + 1;
  let before: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1];
      let changes = Math.min(last[j]! + 1, row[j - 1]! + 1, last[j - 1]! + (same ? 0 : 1));
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) {
        changes = Math.min(changes, before[j - 2]! + 1);
      }
      row.push(changes);
    }
    before = last;
    last = row;
  }
  return last[b.length]!;
}
