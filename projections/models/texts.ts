// How texts are compared, sorted and searched. Documents keep what these functions make of a text, and queries ask for what
// they make of the question, so that every store gives the same answers in the same order, without a collation or an
// analyser of its own.
import { stemmer } from 'stemmer';
import { STOP_WORDS } from './stop-words.js';

/** Code points of a text by which it is filtered and sorted. Four bytes each fit an index row of Postgres, 2,704 bytes. */
const MAX_TEXT_KEY_LENGTH = 200;
/** Code points of a word by which it is found. */
const MAX_WORD_LENGTH = 100;

/**
 * What two texts have in common that people take for the same: compatible characters, upper and lower case, accents and
 * ligatures, the kinds of dashes and apostrophes, and blanks do not tell them apart. `Ｃｒème  BRÛLÉE` is `creme brulee`.
 */
export function folded(text: string): string {
  return (
    text
      .normalize('NFC')
      .replace(TRADE_MARKS, ' ')
      .replace(APOSTROPHES, "'")
      .normalize('NFKD')
      // Once more: a double prime has become two.
      .replace(APOSTROPHES, "'")
      .replace(DASHES, '-')
      // Upper case in between: it writes `ß`, which `ẞ` becomes first, as two letters, and gives the dotless `ı` its common form.
      .toLowerCase()
      .toUpperCase()
      .toLowerCase()
      .normalize('NFKD')
      .replace(UNSEEN, '')
      .replace(SINGLE_LETTERS, (letter) => LETTERS[letter]!)
      .normalize('NFC')
      .replace(BLANKS, ' ')
      .trim()
  );
}

/** What a filter compares. */
export function filterKey(text: string): string {
  return firstOf(folded(text), MAX_TEXT_KEY_LENGTH);
}

/** What a sort compares, code point by code point: blanks come before signs, signs before digits, digits before letters. */
export function sortKey(text: string): string {
  return firstOf(folded(text).replace(SIGNS, '!'), MAX_TEXT_KEY_LENGTH);
}

/** Compares names for a list that is sorted by them; those with the same key by their characters. */
export function byName(a: string, b: string): number {
  const [left, right] = [sortKey(a), sortKey(b)];
  if (left === right) return a < b ? -1 : Number(a > b);
  return left < right ? -1 : 1;
}

/** The words that a text is found by. */
export interface IndexedWords {
  /** As they are, but folded; separated by blanks. */
  words: string;
  /** Their stems, in the same order. */
  stems: string;
}

export function indexedWords(texts: readonly string[]): IndexedWords {
  const words = texts.flatMap((text) => chunksOf(folded(text)).flatMap(wordsOf));
  return { words: words.join(' '), stems: words.map(stemOf).join(' ') };
}

/** A question, to be asked of indexed words. */
export interface WordQuery {
  /** All of it, by its filter key. */
  whole: string;
  /** Its words as they are. */
  words: readonly string[];
  /** For each word that tells something, the ways to find it; each way is some stems that must all be there. */
  stems: readonly (readonly (readonly string[])[])[];
}

/** Finds nothing where `words` is empty, as it is for a blank text. */
export function wordQuery(text: string): WordQuery {
  const whole = filterKey(text);
  const chunks = [...new Set(chunksOf(whole))];
  return {
    whole,
    words: [...new Set(chunks.map(asItIs))],
    stems: chunks.map(waysToFind).filter((ways) => ways.length > 0),
  };
}

const TRADE_MARKS = /[©®™℠℗]/g;
/** A blank with an accent is what NFKC makes of `´`. */
const APOSTROPHES = / \u0301|[`´ʹʻʼ‘’‛′＇]/g;
const DASHES = /[‐-―−]/g;
/** Accents, and characters that only change how others look. Marks of scripts that cannot be read without them stay. */
const UNSEEN = /[\u0300-\u036f\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f]|\p{Default_Ignorable_Code_Point}/gu;
/** Letters that Unicode does not take apart, as they are written without their keys. */
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

/** Scripts that write without blanks: each character is a word. */
const UNSPACED = '\\p{sc=Han}\\p{sc=Hiragana}\\p{sc=Katakana}\\p{sc=Thai}\\p{sc=Lao}\\p{sc=Khmer}\\p{sc=Myanmar}';
const LETTER = '\\p{L}\\p{M}\\p{N}';
const PICTURE = '\\p{Extended_Pictographic}';
const WORDS = new RegExp(`[${UNSPACED}]\\p{M}*|${PICTURE}|(?:(?![${UNSPACED}])[${LETTER}])+`, 'gu');
const SIMPLE = /^[a-z0-9]+$/;
/** Signs around a word. Those behind the names of `C++`, `C#` and `A+` belong to it. */
const AROUND = new RegExp(`^[^${LETTER}${PICTURE}]+|[^${LETTER}${PICTURE}+#]+$`, 'gu');

/** What stands between blanks. */
function chunksOf(foldedText: string): string[] {
  return foldedText.split(' ').filter((chunk) => chunk !== '');
}

/** A chunk of nothing but signs is a word, too: there are things called `!!!`. */
function asItIs(chunk: string): string {
  return firstOf(chunk.replace(AROUND, '') || chunk, MAX_WORD_LENGTH);
}

/** Without apostrophes: `men's` is searched as `mens`. */
function partsOf(chunk: string): string[] {
  return (chunk.replaceAll("'", '').match(WORDS) ?? []).map((word) => firstOf(word, MAX_WORD_LENGTH));
}

/** `Wi-Fi` is found by `wi-fi`, `wi`, `fi` and `wifi`, `L'Oréal` by `l'oreal`, `oreal` and `loreal`. */
function wordsOf(chunk: string): string[] {
  if (SIMPLE.test(chunk)) return [firstOf(chunk, MAX_WORD_LENGTH)];
  const pieces = chunk.includes("'") ? partsOf(chunk.replaceAll("'", ' ')) : [];
  return [...new Set([asItIs(chunk), ...partsOf(chunk), joined(chunk), ...pieces])];
}

function joined(chunk: string): string {
  return firstOf(chunk.match(WORDS)?.join('') ?? chunk, MAX_WORD_LENGTH);
}

/** None for a word that says little. In a compound such as `no-2` every part counts. */
function waysToFind(chunk: string): string[][] {
  const parts = partsOf(chunk);
  if (parts.length > 1) return [[...new Set(parts.map(stemOf))], [stemOf(joined(chunk))]];
  return parts.filter((word) => !STOP_WORDS.has(word)).map((word) => [stemOf(word)]);
}

function stemOf(word: string): string {
  return /^[a-z]+$/.test(word) ? stemmer(word) : word;
}

/** By code points: half of a pair is no character. */
function firstOf(text: string, length: number): string {
  return text.length <= length ? text : [...text].slice(0, length).join('');
}
