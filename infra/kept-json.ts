// JSON of values that are kept and sent repeatedly, such as the view of a product: its text and its hash are made once.
import { createHash } from 'node:crypto';

const HASH_CHARS = 16;

class KeptJson {
  readonly #value: object;
  #text: string | undefined;
  #hash: string | undefined;

  constructor(value: object) {
    this.#value = value;
  }

  get text(): string {
    this.#text ??= JSON.stringify(this.#value);
    return this.#text;
  }

  get hash(): string {
    this.#hash ??= hashOf(this.text);
    return this.#hash;
  }
}

const kept = new WeakMap<object, KeptJson>();

/** Nobody may change the value from now on. */
export function keepJson<T extends object>(value: T): T {
  kept.set(value, new KeptJson(value));
  return value;
}

/** The same text as JSON.stringify, for a value with JSON members only. `{ data: […] }` uses the texts of its kept entries. */
export function jsonOf(value: unknown): string {
  if (!isObject(value)) return JSON.stringify(value);
  const known = kept.get(value);
  if (known) return known.text;
  const page = value as { data?: unknown };
  if (!Array.isArray(page.data) || !page.data.every(isKept)) return JSON.stringify(value);
  const { data, ...rest } = page as { data: object[] };
  const others = JSON.stringify(rest).slice(1, -1);
  return `{"data":[${data.map((entry) => kept.get(entry)!.text).join(',')}]${others && ','}${others}}`;
}

/** A short hash of the value's JSON, which is `text`. */
export function jsonHashOf(value: unknown, text: string): string {
  return (isObject(value) ? kept.get(value)?.hash : undefined) ?? hashOf(text);
}

function isKept(value: unknown): boolean {
  return isObject(value) && kept.has(value);
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}

function hashOf(text: string): string {
  return createHash('sha256').update(text).digest('base64url').slice(0, HASH_CHARS);
}
