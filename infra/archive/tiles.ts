// Nodes of the tree in tiles: 256 neighbours of every eighth level. The levels between are computed, so a leaf costs 32 bytes and a
// bit, in place of 64 and a row of its own.
import { HASH_BYTES, innerHash, type Node } from './merkle-tree.js';

export const TILE_LEVELS = 8;
const TILE_WIDTH = 2 ** TILE_LEVELS;

export interface TilePlace {
  /** 0 for the tiles of leaves. */
  level: number;
  index: number;
}

export interface TilePart extends TilePlace {
  hashes: Buffer;
}

/** What new nodes add to the end of tiles. Nodes of a level come in order. */
export function tilePartsOf(nodes: readonly { node: Node; hash: Buffer }[]): TilePart[] {
  const parts = new Map<string, TilePlace & { hashes: Buffer[] }>();
  for (const { node, hash } of nodes) {
    if (node.level % TILE_LEVELS !== 0) continue;
    const place = { level: node.level / TILE_LEVELS, index: Math.floor(node.index / TILE_WIDTH) };
    const name = `${place.level}/${place.index}`;
    const part = parts.get(name) ?? { ...place, hashes: [] };
    part.hashes.push(hash);
    parts.set(name, part);
  }
  return [...parts.values()].map((part) => ({ ...part, hashes: Buffer.concat(part.hashes) }));
}

/** The tile that has what a node is computed from. */
export function tileOf({ level, index }: Node): TilePlace {
  const below = level % TILE_LEVELS;
  return { level: (level - below) / TILE_LEVELS, index: Math.floor(index / 2 ** (TILE_LEVELS - below)) };
}

/** The hash of a node from the bytes of its tile. Throws if the tile does not have it. */
export function hashInTile({ level, index }: Node, tile: Buffer): Buffer {
  const width = 2 ** (level % TILE_LEVELS);
  const start = ((index * width) % TILE_WIDTH) * HASH_BYTES;
  const bytes = tile.subarray(start, start + width * HASH_BYTES);
  if (bytes.length < width * HASH_BYTES) throw new RangeError(`The tree has no node ${index} at level ${level} yet.`);
  let row = Array.from({ length: width }, (_, n) => bytes.subarray(n * HASH_BYTES, (n + 1) * HASH_BYTES));
  while (row.length > 1)
    row = Array.from({ length: row.length / 2 }, (_, n) => innerHash(row[2 * n] as Buffer, row[2 * n + 1] as Buffer));
  return row[0] as Buffer;
}
