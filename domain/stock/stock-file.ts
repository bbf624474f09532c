// A file of counts and receipts whose import has begun. The log then knows who imported it, and since when its rows may have been
// entered: a repeat has to look for them no further back.
import { z } from 'zod';
import type { Decider } from '../kernel/decider.js';
import type { EventDefinitions, EventOf } from '../kernel/event.js';
import { type StreamId, streamId } from '../kernel/stream.js';

/** The file by its content. */
export const fileIdSchema = z.string().regex(/^[0-9a-f]{32}$/);

export const stockFileEvents = {
  StockFileImportBegun: { version: 1, data: z.strictObject({ fileId: fileIdSchema, rows: z.int().min(0) }) },
} satisfies EventDefinitions;

export type StockFileEvent = EventOf<typeof stockFileEvents>;

export interface BeginStockFile {
  type: 'BeginStockFile';
  fileId: string;
  rows: number;
}

export interface StockFile {
  fileId: string;
  /** In ms of the log's clock. */
  begunAt: number;
}

export const stockFile: Decider<BeginStockFile, StockFile | null, StockFileEvent> = {
  category: 'stock-file',
  events: stockFileEvents,
  initialState: null,
  decide: ({ fileId, rows }, state) => (state ? [] : [{ type: 'StockFileImportBegun', data: { fileId, rows } }]),
  evolve: (state, { data: { fileId } }, at) => state ?? { fileId, begunAt: at },
};

export function stockFileStream(fileId: string): StreamId {
  return streamId('stock-file', fileId);
}
