// Tables for people that are never wider than the terminal, whatever the cells contain.
import Table from 'cli-table3';
import stringWidth from 'string-width';
import { pairs } from '../domain/kernel/collections.js';

/** Width without a terminal, for example in a pipe. */
const COLUMNS_OF_A_PIPE = 80;

/** Longer words, such as paths, may be broken. Ids and times are shorter. */
const LONGEST_WHOLE_WORD = 40;

/** Width of a cell beside its text: a space on both sides, and a border. */
const FRAME = 3;

/** Grapheme clusters are not broken. */
const LETTERS = new Intl.Segmenter();

type Cell = string | number;

export interface TableContent {
  /** Without a head, the first cell of a row is the label of the second. */
  head?: readonly string[];
  rows: readonly (readonly Cell[])[];
  /** Indices of the columns that are aligned to the right, from 0. */
  right?: readonly number[];
}

/**
 * Columns share the width, and long cells are wrapped at spaces. If that would break words, each row becomes a table of its own,
 * with the head at its left.
 */
export function table({ head, rows, right = [] }: TableContent, columns = terminalColumns()): string {
  const texts = rows.map((row) => row.map(textOf));
  const all = head ? [head.map(textOf), ...texts] : texts;
  const widths = widthsIn(columns, all);
  if (widths) return draw(all, { widths, right, hasHead: head !== undefined });
  if (head)
    return texts.map((row) => table({ rows: head.map((name, at) => [name, row[at] ?? '']) }, columns)).join('\n');
  const half = Math.max(1, Math.floor((columns - 1) / columnsOf(all)) - FRAME);
  const squeezed = widthsIn(columns, all, half) ?? columnIndexes(all).map(() => half);
  return draw(all, { widths: squeezed, right, hasHead: false });
}

function terminalColumns(): number {
  return process.stdout.columns || COLUMNS_OF_A_PIPE;
}

/** Cells may contain text of other people, so control characters are removed. */
function textOf(cell: Cell): string {
  return String(cell)
    .replace(/[\p{Cc}\s]+/gu, ' ')
    .trim();
}

const columnsOf = (rows: readonly (readonly string[])[]): number => Math.max(0, ...rows.map(({ length }) => length));

const columnIndexes = (rows: readonly (readonly string[])[]): number[] => [...Array(columnsOf(rows)).keys()];

/** The width of each column's text; undefined if unbreakable words do not fit. */
function widthsIn(
  columns: number,
  rows: readonly (readonly string[])[],
  longestWord = LONGEST_WHOLE_WORD,
): number[] | undefined {
  const wanted = columnIndexes(rows).map((at) => widest(rows.map((row) => row[at] ?? '')));
  const least = columnIndexes(rows).map((at) =>
    Math.min(longestWord, widest(rows.flatMap((row) => (row[at] ?? '').split(' ')))),
  );
  const room = columns - 1 - FRAME * wanted.length;
  if (sum(least) > room) return undefined;
  let widths = least;
  // Narrow columns get their full width first; wide columns share the rest equally.
  for (let level = 1; level <= Math.max(...wanted); level += 1) {
    const wider = pairs(wanted, least).map(([want, needed]) => Math.max(needed, Math.min(want, level)));
    if (sum(wider) > room) break;
    widths = wider;
  }
  return widths;
}

const widest = (texts: readonly string[]): number => Math.max(1, ...texts.map((text) => stringWidth(text)));

const sum = (numbers: readonly number[]): number => numbers.reduce((total, number) => total + number, 0);

interface Layout {
  widths: readonly number[];
  right: readonly number[];
  hasHead: boolean;
}

function draw(rows: readonly (readonly string[])[], { widths, right, hasHead }: Layout): string {
  const wrapped = rows.map((row) => row.map((text, at) => wrap(text, widths[at]!).join('\n')));
  const [first = [], ...others] = wrapped;
  const drawn = new Table({
    ...(hasHead && { head: first }),
    colAligns: widths.map((_, at) => (right.includes(at) ? 'right' : 'left')),
    style: { head: [], border: [], compact: others.every((row) => row.every((cell) => !cell.includes('\n'))) },
  });
  drawn.push(...(hasHead ? others : wrapped));
  return drawn.toString();
}

/** Wraps at spaces. A word that is longer than a line is broken. */
function wrap(text: string, width: number): string[] {
  const lines = [''];
  for (const word of text.split(' ')) {
    const line = lines.at(-1) ?? '';
    const joined = line === '' ? word : `${line} ${word}`;
    if (stringWidth(joined) <= width) lines[lines.length - 1] = joined;
    else lines.splice(line === '' ? -1 : lines.length, 1, ...pieces(word, width));
  }
  return lines;
}

function pieces(word: string, width: number): string[] {
  const parts = [''];
  for (const { segment } of LETTERS.segment(word)) {
    const last = parts.at(-1) ?? '';
    const longer = last + segment;
    if (last === '' || stringWidth(longer) <= width) parts[parts.length - 1] = longer;
    else parts.push(segment);
  }
  return parts;
}
