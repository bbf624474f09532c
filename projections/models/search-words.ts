// The words of a product for the search: those that find it, and those that rank it. See docs/search.md.
import { STOP_WORDS } from './stop-words.js';
import { asItIs, chunksOf, filterKey, folded, indexedWords, joined, partsOf, stemOf } from './texts.js';

/** Words of a description that count for the rank. All of them find the product. */
const RANKED_DESCRIPTION_WORDS = 40;

/** Phrases of a title whose last word is taken for the kind of the product. */
const TITLE_KINDS = 2;

/** Words of attributes by which a product is found. */
const MAX_ATTRIBUTE_WORDS = 2_000;

/** Titles of fewer words are not taken to be more about each of them. */
const SHORTEST_TITLE = 3;
/** The usual number of words of a title: at this length, brevity is 1. */
const USUAL_TITLE = 13;

/** The parts of a product that the search reads. */
export interface SearchedTexts {
  title: string;
  brand: string | undefined;
  description: string | undefined;
  /** Categories, and what else names a kind of product. */
  kinds: readonly string[];
  attributes: readonly string[];
  /** SKUs, EANs and the like. */
  codes: readonly string[];
}

/** How a word of a product counts for its rank. A token is one of these letters, a colon and a word or stem. */
export const RANKED_AS = {
  /** A word of the title, as it is. */
  word: 'w',
  /** A stem of the title; one that is there twice. */
  title: 't',
  twice: 'u',
  /** A stem of the first words of the description. */
  description: 'd',
  /** A stem of a category or of the brand. */
  kind: 'k',
  /** Neighbours in title or description, written as one word: `memorycard`. */
  pair: 'p',
  /** A whole code, see `codeToken`. */
  code: 'c',
  /** The stem of what the product is: a keyboard cover is a cover. */
  head: 'h',
} as const;

export type RankedAs = keyof typeof RANKED_AS;

export function rankedToken(as: RankedAs, word: string): string {
  return `${RANKED_AS[as]}:${word}`;
}

/** The token of a product with exactly this code. */
export function codeToken(code: string): string {
  return rankedToken('code', codeOf(code));
}

function codeOf(code: string): string {
  return filterKey(code).replaceAll(' ', '_');
}

export interface SearchWords {
  /** Stems of all texts, separated by blanks. A product is found by them. */
  stems: string;
  /** Tokens by which the products found are ranked, separated by blanks. */
  ranked: string;
  /** Between 0 and 2: higher for a title of fewer words. */
  brevity: number;
}

export function searchWords({ title, brand, description, kinds, attributes, codes }: SearchedTexts): SearchWords {
  const inTitle = wordsIn(title);
  const inDescription = wordsIn(description ?? '');
  const first = inDescription.slice(0, RANKED_DESCRIPTION_WORDS);
  const brandStems = wordsIn(brand ?? '').map(stemOf);
  const titleStems = inTitle.map(stemOf);
  const pairs = [...pairsOf(inTitle), ...pairsOf(first), ...kinds.flatMap((kind) => pairsOf(wordsIn(kind)))];
  const heads = [
    ...kinds.flatMap(headsOf),
    ...headsOf(title)
      .filter((head) => !brandStems.includes(head))
      .slice(0, TITLE_KINDS),
    ...headsOf(description ?? '')
      .filter((head) => !brandStems.includes(head))
      .slice(0, 1),
  ];
  const tokens: Record<RankedAs, readonly string[]> = {
    word: chunksOf(folded(title)).flatMap((chunk) => [asItIs(chunk), ...partsOf(chunk)]),
    title: [...titleStems, ...compoundsIn(title)],
    twice: titleStems.filter((stem, index) => titleStems.indexOf(stem) !== index),
    description: [...first.map(stemOf), ...compoundsIn(description ?? '').slice(0, RANKED_DESCRIPTION_WORDS)],
    kind: [...kinds.flatMap(wordsIn).map(stemOf), ...brandStems],
    pair: pairs,
    code: codes.map(codeOf),
    head: heads,
  };
  const ranked = Object.entries(tokens).flatMap(([as, words]) =>
    words.map((word) => rankedToken(as as RankedAs, word)),
  );
  const found = [title, brand ?? '', ...kinds, ...codes, description ?? ''];
  const ofAttributes = distinct(indexedWords(attributes).stems.split(' ')).slice(0, MAX_ATTRIBUTE_WORDS);
  const length = Math.max(inTitle.length, SHORTEST_TITLE);
  return {
    stems: distinct([...indexedWords(found).stems.split(' '), ...pairs, ...ofAttributes]).join(' '),
    ranked: distinct(ranked).join(' '),
    brevity: Number((2 / (1 + length / USUAL_TITLE)).toFixed(4)),
  };
}

/** The folded words in order, without apostrophes, hyphens and the like. */
export function wordsIn(text: string): string[] {
  return chunksOf(folded(text)).flatMap(partsOf);
}

/** Each two neighbours as one stem. */
export function pairsOf(words: readonly string[]): string[] {
  return words.slice(1).map((word, index) => stemOf(`${words[index]}${word}`));
}

/** `wifi` of `Wi-Fi`. */
function compoundsIn(text: string): string[] {
  return chunksOf(folded(text)).flatMap((chunk) => (partsOf(chunk).length > 1 ? [stemOf(joined(chunk))] : []));
}

/** Words that begin what a product is for, or is made with: what follows them is not what it is. */
const FOR = new Set(['for', 'f', 'with', 'w', 'without', 'compatible', 'replaces', 'fits', 'to']);
/** Other words that end a phrase. */
const BETWEEN = new Set([...STOP_WORDS, 'incl', 'including', 'replacement']);
/** Words that follow what a product is without changing it, and units. */
const TRAILING = new Set(
  (
    'black white silver gray grey blue red green yellow pink purple orange brown beige gold violet transparent ' +
    'multicolor multicolour graphite bronze cyan magenta metallic original wired wireless ' +
    'mm cm m ft in inch kg g mb gb tb mhz ghz hz w v mah pc pcs pixels'
  ).split(' '),
);
const RAW_WORDS = /[\p{L}\p{M}\p{N}]+(?:['’][\p{L}\p{N}]+)*/gu;
const ENDS_PHRASE = /[^\s\-'’®™©]|\s[-–—]|[-–—]\s/;
/** Characters of a text in which heads are looked for. */
const MAX_HEADS_TEXT = 500;

/**
 * The stems of the last words of the phrases of a text, which name what it is about: `cover` and `keyboard` of `Keyboard cover,
 * USB keyboard`. A phrase ends at a sign, a number, a preposition, a colour or unit, and where small letters turn to capital ones.
 */
export function headsOf(text: string): string[] {
  const raw = text.slice(0, MAX_HEADS_TEXT);
  const found = [...raw.matchAll(RAW_WORDS)].map((match) => ({
    word: folded(match[0]).replaceAll("'", ''),
    isCapital: /^\p{Lu}/u.test(match[0]),
    from: match.index,
    to: match.index + match[0].length,
  }));
  const heads: string[] = [];
  let isFor = false;
  for (const [index, { word, isCapital, to }] of found.entries()) {
    const next = found[index + 1];
    const gap = next ? raw.slice(to, next.from) : '';
    const ends = ENDS_PHRASE.test(gap);
    if (FOR.has(word)) isFor = true;
    else if (isFor) isFor = !ends;
    else if (!/\d/.test(word) && word.length > 1 && !TRAILING.has(word) && !BETWEEN.has(word)) {
      const isTurn = next !== undefined && !isCapital && next.isCapital && gap !== '-';
      if (!next || ends || isTurn || isEnd(next.word)) heads.push(stemOf(word));
    }
  }
  return distinct(heads);
}

function isEnd(word: string): boolean {
  return /\d/.test(word) || FOR.has(word) || BETWEEN.has(word) || TRAILING.has(word);
}

function distinct(words: readonly string[]): string[] {
  return [...new Set(words)].filter((word) => word !== '');
}
