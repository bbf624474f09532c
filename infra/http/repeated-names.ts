// Finds a name that an object of a JSON text has twice. Programs differ in which of the values counts (RFC 8259), so that
// a proxy may have judged another one than we would take.

/** A name with the colon behind it, another string, or what begins, parts and ends objects and arrays. */
const TOKENS = /"([^"\\]*(?:\\.[^"\\]*)*)"([ \t\r\n]*:)?|[{}[\],]/g;

interface Open {
  names?: Set<string>;
  /** Where in it the text stands: a name, or an index. */
  at: string | number;
}

/** The path of the first name that comes a second time, in a text that is JSON. */
export function findRepeatedName(json: string): (string | number)[] | undefined {
  const open: Open[] = [];
  for (const [token, name, colon] of json.matchAll(TOKENS)) {
    const inside = open.at(-1);
    if (token === '{') open.push({ names: new Set(), at: '' });
    else if (token === '[') open.push({ at: 0 });
    else if (token === '}' || token === ']') open.pop();
    else if (token === ',' && typeof inside?.at === 'number') inside.at += 1;
    else if (colon !== undefined && inside?.names) {
      inside.at = name!.includes('\\') ? JSON.parse(`"${name}"`) : name!;
      if (inside.names.has(String(inside.at))) return open.map(({ at }) => at);
      inside.names.add(String(inside.at));
    }
  }
  return undefined;
}
