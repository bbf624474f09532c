// The form encoding of Stripe's requests: `a[b][0]=x` is { a: { b: ['x'] } }, and every leaf is text.

export interface Form {
  [name: string]: FormValue | undefined;
}
export type FormValue = string | Form | FormValue[];

export function parseForm(encoded: string): Form {
  const root: Form = {};
  for (const [name, value] of new URLSearchParams(encoded)) {
    const path = [...name.matchAll(/[^[\]]+/g)].map(([part]) => part);
    const last = path.pop();
    if (last === undefined) continue;
    let parent = root;
    for (const part of path) {
      parent[part] ??= {};
      parent = parent[part] as Form;
    }
    parent[last] = value;
  }
  return Object.fromEntries(Object.entries(root).map(([name, value]) => [name, withLists(value as string | Form)]));
}

/** The keys of a list are 0, 1, 2 … */
function withLists(value: string | Form): FormValue {
  if (typeof value === 'string') return value;
  const entries = Object.entries(value).map(([name, inner]) => [name, withLists(inner as string | Form)] as const);
  const isList = entries.length > 0 && entries.every(([name], index) => name === String(index));
  return isList ? entries.map(([, inner]) => inner) : Object.fromEntries(entries);
}

export function text(form: Form, name: string): string | undefined {
  const value = form[name];
  return typeof value === 'string' && value !== '' ? value : undefined;
}

export function integer(form: Form, name: string): number | undefined {
  const value = text(form, name);
  return value === undefined ? undefined : Number(value);
}

export function group(form: Form, name: string): Form {
  const value = form[name];
  return typeof value === 'object' && !Array.isArray(value) ? value : {};
}

export function texts(form: Form, name: string): string[] {
  const value = form[name];
  return Array.isArray(value) ? value.filter((entry) => typeof entry === 'string') : [];
}

/** Metadata after a request: given names are set, and empty ones are removed. */
export function mergedMetadata(old: Record<string, string>, form: Form): Record<string, string> {
  const merged = { ...old, ...(group(form, 'metadata') as Record<string, string>) };
  return Object.fromEntries(Object.entries(merged).filter(([, value]) => value !== ''));
}
