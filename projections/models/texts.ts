// How texts are compared, sorted and searched. Documents and queries both go through these functions. Every store then gives
// the same answers in the same order, and needs no collation or analyser of its own.
import { stemmer } from 'stemmer';
import { STOP_WORDS } from './stop-words.js';

/** Code points of a text that count in filters and sorting. At four bytes each they fit an index row of Postgres, 2,704 bytes. */
const MAX_TEXT_KEY_LENGTH = 200;
/** Code points of a word that count in searches. */
const MAX_WORD_LENGTH = 100;

/**
 * The common form of texts that readers consider equal. Compatible characters, case, accents, ligatures, kinds of dashes and
 * apostrophes, and blanks make no difference. `Ｃｒème BRÛLÉE` becomes `creme brulee`.
 */
export function folded(text: string): string {
  return (
    text
      .normalize('NFC')
      .replace(TRADE_MARKS, ' ')
      .replace(APOSTROPHES, "'")
      .normalize('NFKD')
      // Repeated, because a double prime has become two primes.
      .replace(APOSTROPHES, "'")
      .replace(DASHES, '-')
      // The step to upper case turns `ß`, also one made from `ẞ`, into two letters, and gives the dotless `ı` its usual form.
      .toLowerCase()
      .toUpperCase()
      .toLowerCase()
      .normalize('NFKD')
      .replace(UNSEEN, '')
      .replace(SINGLE_LETTERS, (letter) => LETTERS[letter] ?? letter)
      .normalize('NFC')
      .replace(BLANKS, ' ')
      .trim()
  );
}

/** The key that filters compare. */
export function filterKey(text: string): string {
  return firstOf(folded(text), MAX_TEXT_KEY_LENGTH);
}

/** The key that sorting compares by code points: blanks come before signs, signs before digits, digits before letters. */
export function sortKey(text: string): string {
  return firstOf(folded(text).replace(SIGNS, '!'), MAX_TEXT_KEY_LENGTH);
}

/** Compares names for sorted lists. Names with the same key are compared by their characters. */
export function byName(a: string, b: string): number {
  const [left, right] = [sortKey(a), sortKey(b)];
  if (left === right) return a < b ? -1 : Number(a > b);
  return left < right ? -1 : 1;
}

/** The words by which searches find a text. */
export interface IndexedWords {
  /** The folded words, separated by blanks. */
  words: string;
  /** Their stems, in the same order. */
  stems: string;
}

export function indexedWords(texts: readonly string[]): IndexedWords {
  const words = texts.flatMap((text) => chunksOf(folded(text)).flatMap(wordsOf));
  return { words: words.join(' '), stems: words.map(stemOf).join(' ') };
}

const TRADE_MARKS = /[©®™℠℗]/g;
/** NFKC turns `´` into a blank with an accent. */
const APOSTROPHES = / \u0301|[`´ʹʻʼ‘’‛′＇]/g;
const DASHES = /[‐-―−]/g;
/** Accents, and characters that only change how others look. Marks that are essential in their script stay. */
const UNSEEN = /[\u0300-\u036f\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f]|\p{Default_Ignorable_Code_Point}/gu;
/** Letters that Unicode does not decompose, and how they are usually typed. */
const LETTERS: Readonly<Record<string, string>> = {
  æ: 'ae',
  ð: 'd',
  đ: 'd',
  ħ: 'h',
  ł: 'l',
  ø: 'o',
  œ: 'oe',
  þ: 'th',
  ŧ: 't',
  ς: 'σ',
};
const SINGLE_LETTERS = new RegExp(`[${Object.keys(LETTERS).join('')}]`, 'g');
const BLANKS = /[\s\p{Cc}]+/gu;
const SIGNS = /[\p{P}\p{S}]/gu;

/** Scripts without blanks between words: each character counts as a word. */
const UNSPACED = '\\p{sc=Han}\\p{sc=Hiragana}\\p{sc=Katakana}\\p{sc=Thai}\\p{sc=Lao}\\p{sc=Khmer}\\p{sc=Myanmar}';
const LETTER = '\\p{L}\\p{M}\\p{N}';
const PICTURE = '\\p{Extended_Pictographic}';
const WORDS = new RegExp(`[${UNSPACED}]\\p{M}*|${PICTURE}|(?:(?![${UNSPACED}])[${LETTER}])+`, 'gu');
const SIMPLE = /^[a-z0-9]+$/;
/** Signs around a word. The signs at the end of `C++`, `C#` and `A+` belong to the word. */
const AROUND = new RegExp(`^[^${LETTER}${PICTURE}]+|[^${LETTER}${PICTURE}+#]+$`, 'gu');

/** The parts between blanks. */
export function chunksOf(foldedText: string): string[] {
  return foldedText.split(' ').filter((chunk) => chunk !== '');
}

/** A chunk of only signs is a word, too: some products are called `!!!`. */
export function asItIs(chunk: string): string {
  return firstOf(chunk.replace(AROUND, '') || chunk, MAX_WORD_LENGTH);
}

/** Without apostrophes: `men's` is searched as `mens`. */
export function partsOf(chunk: string): string[] {
  return (chunk.replaceAll("'", '').match(WORDS) ?? []).map((word) => firstOf(word, MAX_WORD_LENGTH));
}

/** `Wi-Fi` is found by `wi-fi`, `wi`, `fi` and `wifi`, `L'Oréal` by `l'oreal`, `oreal` and `loreal`. */
function wordsOf(chunk: string): string[] {
  if (SIMPLE.test(chunk)) return [firstOf(chunk, MAX_WORD_LENGTH)];
  const pieces = chunk.includes("'") ? partsOf(chunk.replaceAll("'", ' ')) : [];
  return [...new Set([asItIs(chunk), ...partsOf(chunk), joined(chunk), ...pieces])];
}

export function joined(chunk: string): string {
  return firstOf(chunk.match(WORDS)?.join('') ?? chunk, MAX_WORD_LENGTH);
}

/** Empty for a stop word. In a compound such as `no-2` every part counts. */
export function waysToFind(chunk: string): string[][] {
  const parts = partsOf(chunk);
  if (parts.length > 1) return [[...new Set(parts.map(stemOf))], [stemOf(joined(chunk))]];
  return parts.filter((word) => !STOP_WORDS.has(word)).map((word) => [stemOf(word)]);
}

export function stemOf(word: string): string {
  return /^[a-z]+$/.test(word) ? stemmer(word) : word;
}

/** Cuts by code points, so that no surrogate pair is split. */
function firstOf(text: string, length: number): string {
  return text.length <= length ? text : [...text].slice(0, length).join('');
}
