// Names for places in a request: `/lines/0/sku` in the body, `?limit` in the query, `{id}` in the path.

export type Path = readonly PropertyKey[];
export type Pointer = (path: Path) => string;

/** JSON Pointer (RFC 6901). */
export const inBody: Pointer = (path) => path.map((key) => `/${escapeKey(String(key))}`).join('');
export const inQuery: Pointer = ([name]) => (name === undefined ? '' : `?${String(name)}`);
export const inPath: Pointer = ([name]) => (name === undefined ? '' : `{${String(name)}}`);

function escapeKey(key: string): string {
  return key.replaceAll('~', '~0').replaceAll('/', '~1');
}
