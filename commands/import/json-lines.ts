// Reads JSON lines (one JSON object per line, UTF-8) as a stream, plain or gzip. Memory use does not depend on the length of the file
// or of a line.
import { isUtf8 } from 'node:buffer';
import { pipeline, Transform } from 'node:stream';
import { ImportError } from './import-error.js';
import type { RefusedRow } from './refused-row.js';
import { changedMeanwhile, cutOff, type Source, unpacked } from './source.js';

/** Longest line, in bytes. */
export const MAX_LINE_BYTES = 256 * 1024;

const LINE_FEED = 0x0a;

export interface JsonLine {
  /** The number of the line, from 1. Blank lines count. */
  row: number;
  value: Readonly<Record<string, unknown>>;
}

interface Line {
  row: number;
  /** Undefined if the line is too long. */
  bytes: Buffer | undefined;
}

/**
 * Skips blank lines. Throws `ImportError` if the file does not exist, is cut off, changes while it is read, or has no object in
 * its first line.
 */
export async function* readJsonLines(source: Source): AsyncGenerator<JsonLine | RefusedRow> {
  const opened = await source.open();
  const splitter = lineSplitter();
  let row = 0;
  let isFirst = true;
  try {
    // An error anywhere in the pipeline ends the splitter, and is thrown by the loop.
    pipeline([...(await unpacked(opened.bytes)), splitter], () => {});
    for await (const line of splitter as AsyncIterable<Line>) {
      row = line.row;
      const read = parsed(line, isFirst);
      if (!read) continue;
      if (isFirst && 'field' in read) {
        throw new ImportError(
          `${source.name} is not a file of JSON lines: line ${row} ${read.reason}. Write one product per line, as a JSON object.`,
        );
      }
      isFirst = false;
      yield read;
    }
    if (isFirst) throw new ImportError(`${source.name} is empty.`);
    if (await opened.hasChanged()) throw changedMeanwhile(source.name);
  } catch (error) {
    throw cutOff(source.name, `line ${row + 1}`, error);
  } finally {
    splitter.destroy();
    await opened.close();
  }
}

/** Undefined for a blank line. */
function parsed({ row, bytes }: Line, isFirst: boolean): JsonLine | RefusedRow | undefined {
  const refused = (reason: string): RefusedRow => ({ row, field: 'line', reason });
  if (bytes === undefined) return refused(`is longer than ${MAX_LINE_BYTES} bytes`);
  if (!isUtf8(bytes)) return refused('is not UTF-8');
  const text = bytes.toString();
  const json = (isFirst ? text.replace(/^\ufeff/, '') : text).trim();
  if (json === '') return undefined;
  try {
    const value: unknown = JSON.parse(json);
    if (isObject(value)) return { row, value };
  } catch {
    return refused('is not JSON');
  }
  return refused('is not a JSON object');
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Bytes in, lines out. Of a line that is too long it keeps nothing. */
function lineSplitter(): Transform {
  let row = 0;
  let parts: Buffer[] = [];
  let length = 0;

  function add(part: Buffer): void {
    length += part.length;
    if (length > MAX_LINE_BYTES) parts = [];
    else parts.push(part);
  }

  function end(): Line {
    const line = { row: ++row, bytes: length > MAX_LINE_BYTES ? undefined : Buffer.concat(parts) };
    parts = [];
    length = 0;
    return line;
  }

  return new Transform({
    readableObjectMode: true,
    transform(chunk: Buffer, _, done) {
      let from = 0;
      for (let at = chunk.indexOf(LINE_FEED); at >= 0; at = chunk.indexOf(LINE_FEED, from)) {
        add(chunk.subarray(from, at));
        this.push(end());
        from = at + 1;
      }
      add(chunk.subarray(from));
      done();
    },
    flush(done) {
      if (length > 0) this.push(end());
      done();
    },
  });
}
