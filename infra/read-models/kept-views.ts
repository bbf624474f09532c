// Remembers the views of documents by the JSON text of the document, so that a document which is read repeatedly is parsed and
// turned into its view once. A view depends on nothing else, so a remembered view is never out of date.
import { LRUCache } from 'lru-cache';
import { keepJson } from '../kept-json.js';

/** Documents that one query port remembers, in characters of JSON. With their views they take about four times as much memory. */
const KEPT_CHARS = 2_000_000;

/** A larger document would displace too many others. */
const LARGEST_KEPT_CHARS = 100_000;

/** The view of a document, from the document's JSON text. Nobody may change a view. */
export type ViewOfText<V> = (json: string) => V | undefined;

export function keptViews<D, V extends object>(viewOf: (document: D) => V | undefined): ViewOfText<V> {
  const views = new LRUCache<string, V>({
    maxSize: KEPT_CHARS,
    maxEntrySize: LARGEST_KEPT_CHARS,
    sizeCalculation: (_, json) => json.length,
  });
  return (json) => {
    const known = views.get(json);
    if (known) return known;
    const view = viewOf(JSON.parse(json));
    if (view) views.set(json, keepJson(view));
    return view;
  };
}
