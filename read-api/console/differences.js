// @ts-check
// What differs between two JSON values, member by member.

/**
 * @typedef {object} Difference
 * @property {string} path Such as `lines[0].quantity`; empty for the whole value.
 * @property {unknown} [before] Absent if it was added.
 * @property {unknown} [after] Absent if it was removed.
 */

/**
 * The differences in the order of the members. Equal values have none.
 * @param {unknown} before
 * @param {unknown} after
 * @param {string} [path]
 * @returns {Difference[]}
 */
export function differences(before, after, path = '') {
  if (Object.is(before, after)) return [];
  if (Array.isArray(before) && Array.isArray(after)) {
    const places = Array.from({ length: Math.max(before.length, after.length) }, (_, n) => n);
    return places.flatMap((n) => memberDifferences(before, after, String(n), `${path}[${n}]`));
  }
  if (isRecord(before) && isRecord(after)) {
    const names = new Set([...Object.keys(before), ...Object.keys(after)]);
    return [...names].flatMap((name) => memberDifferences(before, after, name, path === '' ? name : `${path}.${name}`));
  }
  return [{ path, before, after }];
}

/**
 * @param {object} before
 * @param {object} after
 * @param {string} name
 * @param {string} path
 * @returns {Difference[]}
 */
function memberDifferences(before, after, name, path) {
  const [was, is] = [before, after].map((value) => /** @type {Record<string, unknown>} */ (value)[name]);
  if (!Object.hasOwn(before, name)) return [{ path, after: is }];
  if (!Object.hasOwn(after, name)) return [{ path, before: was }];
  return differences(was, is, path);
}

/**
 * @param {unknown} value
 * @returns {value is object}
 */
function isRecord(value) {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
