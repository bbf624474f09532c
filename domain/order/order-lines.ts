// The lines of an order as they are written down: numbered, added up, and small enough that a thousand fit one commit.
import type { OrderLine } from './events.js';

/**
 * Most bytes of JSON that a line costs, so that the largest real invoice (1,112 lines) fits one commit. Only a line whose
 * numbers alone take more has more, and one character of its title.
 */
export const MAX_LINE_BYTES = 200;

/** Numbers the lines, adds up each, and clips a title whose line would cost more than its share of a commit. */
export function orderLines(items: readonly Omit<OrderLine, 'id' | 'total'>[]): OrderLine[] {
  return items.map(({ sku, title, quantity, unitPrice, discount, tax }, index) => {
    const line = {
      id: `${index + 1}`,
      sku,
      title,
      quantity,
      unitPrice,
      total: quantity * unitPrice,
      ...(discount !== undefined && { discount }),
      ...(tax !== undefined && { tax }),
    };
    const room = MAX_LINE_BYTES - jsonBytes({ ...line, title: '' });
    return { ...line, title: clip(title, room) };
  });
}

/** The longest beginning of a text whose JSON takes at most so many bytes, quotes apart; whole characters, at least one. */
function clip(text: string, bytes: number): string {
  if (jsonBytes(text) - 2 <= bytes) return text;
  let length = 0;
  let room = bytes;
  for (const character of text) {
    room -= jsonBytes(character) - 2;
    if (room < 0 && length > 0) break;
    length += character.length;
  }
  return text.slice(0, length);
}

function jsonBytes(value: unknown): number {
  return new TextEncoder().encode(JSON.stringify(value)).length;
}
