// What a search text asks for: the words that must occur, and the points by which the products found are ranked. Both stores
// work through the same plan, so they give the same order.
import { codeToken, pairsOf, type RankedAs, rankedToken, wordsIn } from './search-words.js';
import { STOP_WORDS } from './stop-words.js';
import { MAX_ENTRY_WORDS, type Synonyms } from './synonyms.js';
import { asItIs, chunksOf, filterKey, partsOf, stemOf, waysToFind } from './texts.js';

/**
 * Points of a stem of the query by where the product has it. They were chosen by cross-validation on graded results; changes of a
 * third of each changed the quality by about one hundredth. See docs/search.md.
 */
const POINTS: Partial<Record<RankedAs, number>> = { title: 1, twice: 0.5, description: 0.3, kind: 0.8, pair: 1 };
/** The last words of a query name the kind of product: points for products of this kind. */
const HEAD_POINTS = 1;
/** Neighbours in the query that are neighbours in the product. */
const PAIR_POINTS = 0.5;
/** All words of the query as they are, in the title. */
const EXACT_POINTS = 0.4;
/** The share of the points for a synonym, or for neighbours as one word, in place of the word itself. */
const SYNONYM_SHARE = 0.3;
/** Higher than the points of all words of any query. */
const CODE_POINTS = 4_096;
/** What the brevity of a title counts. */
export const BREVITY_POINTS = 0.8;

/** Words of a query that count; the others are ignored. */
const MAX_QUERY_WORDS = 10;
/** Ways to find the parts of a query, beyond the first two of each part, and stems of a way that have points. */
const MAX_FURTHER_WAYS = 16;
const MAX_RANKED_STEMS = 4;
/** Parts of a query of which half must be found, if not all are. */
const MAX_RELAXED_PARTS = 6;

export interface Points {
  /** The product has all of these ranked tokens. */
  tokens: readonly string[];
  points: number;
}

/** One way to find what a part of the query names. */
export interface Way {
  /** All of these occur in the product. */
  stems: readonly string[];
  /** For each of the stems, its points by where the product has it. A way has points only if each of these has some. */
  ranked: readonly (readonly Points[])[];
  /** Points for the kind of product. */
  head: Points | undefined;
}

export interface SearchPlan {
  /** The whole text as a code, such as a SKU or an EAN. */
  code: string;
  /** Asked if there are no parts, because the text has only common words: all of these occur in title, brand or codes. */
  words: readonly string[];
  /** Parts of the query. The best way of each counts. */
  parts: readonly (readonly Way[])[];
  /** So many parts must be found. */
  needed: number;
  bonuses: readonly Points[];
}

export function searchPlan(text: string, synonyms: Synonyms): SearchPlan {
  const code = filterKey(text);
  const chunks = [...new Set(chunksOf(code))].slice(0, MAX_QUERY_WORDS);
  const significant = chunks.filter((chunk) => waysToFind(chunk).length > 0);
  const parts = partsOfQuery(significant, synonyms);
  const words = [...new Set(chunks.map(asItIs))];
  const neighbours = significant.slice(1).map((chunk, index) => [significant[index]!, chunk] as const);
  return {
    code,
    words,
    parts,
    needed: parts.length,
    bonuses: [
      { tokens: [codeToken(code)], points: CODE_POINTS },
      { tokens: words.map((word) => rankedToken('word', word)), points: EXACT_POINTS },
      ...neighbours.flatMap(([one, other]) =>
        pairsOf([...partsOf(one).slice(-1), ...partsOf(other).slice(0, 1)]).map((pair) => ({
          tokens: [rankedToken('pair', pair)],
          points: PAIR_POINTS,
        })),
      ),
    ],
  };
}

/** The same plan, content with half of its parts. Undefined if that is no less. */
export function relaxed(plan: SearchPlan): SearchPlan | undefined {
  const parts = plan.parts.slice(-MAX_RELAXED_PARTS);
  const needed = Math.ceil(parts.length / 2);
  return needed < plan.parts.length ? { ...plan, parts, needed } : undefined;
}

/** The longest spans that have synonyms are one part, as are single chunks. */
function partsOfQuery(chunks: readonly string[], synonyms: Synonyms): Way[][] {
  const parts: Way[][] = [];
  let further = MAX_FURTHER_WAYS;
  let from = 0;
  while (from < chunks.length) {
    const span = spanAt(chunks, from, synonyms);
    const isLast = from + span.length === chunks.length;
    const ways = waysOf(chunks, from, span, synonyms, isLast).slice(0, 2 + further);
    further -= Math.max(0, ways.length - 2);
    parts.push(ways);
    from += span.length;
  }
  return parts;
}

function spanAt(chunks: readonly string[], from: number, synonyms: Synonyms): readonly string[] {
  for (let length = Math.min(MAX_ENTRY_WORDS, chunks.length - from); length > 1; length--) {
    const span = chunks.slice(from, from + length);
    if (synonyms.has(keyOf(span))) return span;
  }
  return [chunks[from]!];
}

function waysOf(
  chunks: readonly string[],
  from: number,
  span: readonly string[],
  synonyms: Synonyms,
  isLast: boolean,
): Way[] {
  const own = span.length > 1 ? [stemsOf(span)] : waysToFind(span[0]!);
  const words = span.flatMap(partsOf).length;
  const before = chunks[from - 1];
  const after = chunks[from + span.length];
  const asOneWord = [
    ...(span.length === 2 ? [span.join('')] : []),
    ...(span.length === 1 && before !== undefined ? [before + span[0]] : []),
    ...(span.length === 1 && after !== undefined ? [span[0] + after] : []),
  ].map((word) => [stemOf(wordsIn(word).join(''))]);
  const others = [...asOneWord, ...(synonyms.get(keyOf(span)) ?? [])];
  const ways = new Map<string, Way>();
  for (const [stems, share] of [
    ...own.map((stems) => [stems, 1] as const),
    ...others.map((stems) => [stems, SYNONYM_SHARE] as const),
  ]) {
    const key = stems.join(' ');
    if (!ways.has(key)) ways.set(key, wayOf(stems, share, words, isLast));
  }
  return [...ways.values()];
}

/** A way has the points of as many words as the query has there, so that the ways can be compared. */
function wayOf(stems: readonly string[], share: number, words: number, isLast: boolean): Way {
  const factor = (share * words) / stems.length;
  const ranked = stems.slice(0, MAX_RANKED_STEMS).map((stem) =>
    Object.entries(POINTS).map(([as, value]) => ({
      tokens: [rankedToken(as as RankedAs, stem)],
      points: value * factor,
    })),
  );
  const head = { tokens: [rankedToken('head', stems.at(-1)!)], points: HEAD_POINTS * share };
  return { stems, ranked, head: isLast ? head : undefined };
}

function keyOf(span: readonly string[]): string {
  return stemsOf(span).join(' ');
}

function stemsOf(span: readonly string[]): string[] {
  return span
    .flatMap(partsOf)
    .filter((word) => !STOP_WORDS.has(word))
    .map(stemOf);
}
