// Finds a name that occurs twice in an object of a JSON text. Programs differ in which value they use (RFC 8259), so a proxy may
// have checked another value than the one we would use.

/** A name with its colon, another string, or a character that opens, separates or closes objects and arrays. */
const TOKENS = /"([^"\\]*(?:\\.[^"\\]*)*)"([ \t\r\n]*:)?|[{}[\],]/g;

interface Open {
  names?: Set<string>;
  /** The name or index of the current value. */
  at: string | number;
}

/** The path of the first repeated name, in a text that is valid JSON. */
export function findRepeatedName(json: string): (string | number)[] | undefined {
  const open: Open[] = [];
  for (const [token, name, colon] of json.matchAll(TOKENS)) {
    const inside = open.at(-1);
    if (token === '{') open.push({ names: new Set(), at: '' });
    else if (token === '[') open.push({ at: 0 });
    else if (token === '}' || token === ']') open.pop();
    else if (token === ',' && typeof inside?.at === 'number') inside.at += 1;
    else if (name !== undefined && colon !== undefined && inside?.names) {
      inside.at = name.includes('\\') ? JSON.parse(`"${name}"`) : name;
      if (inside.names.has(String(inside.at))) return open.map(({ at }) => at);
      inside.names.add(String(inside.at));
    }
  }
  return undefined;
}
