// The log: all events in their total order, with filters.
import { get } from '../api.js';
import { html, nothing } from '../lit-html.js';
import { busyView, eventView, plural, problemView, timeView } from '../parts.js';

/** A page of the log may have no match: the search goes on for so many pages before it asks whether to continue. */
const PAGES_AT_ONCE = 20;
const ENOUGH = 24;

export function logPage(
  /** @type {{ query: URLSearchParams, update(): void, go(hash: string): void }} */ { query, update, go },
) {
  const filters = Object.fromEntries(['from', 'to', 'category', 'type'].map((name) => [name, query.get(name) ?? '']));
  const abort = new AbortController();
  /** What the filters can be, from the description of the API. */
  let categories = filters.category === '' ? [] : [filters.category];
  let types = [];
  let entries = [];
  let next;
  let isBusy = false;
  let problem;

  async function loadChoices() {
    const { paths } = await get('/openapi.json', {}, abort.signal).catch(() => ({}));
    const parameters = paths?.['/v1/audit/events']?.get?.parameters ?? [];
    const choicesOf = (wanted) => parameters.find(({ name }) => name === wanted)?.schema?.enum ?? [];
    [categories, types] = [choicesOf('category'), choicesOf('type')];
    update();
  }

  async function load() {
    isBusy = true;
    problem = undefined;
    update();
    const wanted = entries.length + ENOUGH;
    try {
      for (let pages = 0; pages < PAGES_AT_ONCE && entries.length < wanted; pages++) {
        const { data, page } = await get('/v1/audit/events', { ...filters, limit: ENOUGH, after: next }, abort.signal);
        entries = [...entries, ...data];
        next = page.next ?? undefined;
        update();
        if (next === undefined) break;
      }
    } catch (error) {
      if (abort.signal.aborted) return;
      problem = error;
    }
    isBusy = false;
    update();
  }

  function search(event) {
    event.preventDefault();
    const given = [...new FormData(event.currentTarget)].filter(([, value]) => value !== '');
    go(`#/log?${new URLSearchParams(given)}`);
  }

  void loadChoices();
  void load();
  return {
    title: 'Log',
    close: () => abort.abort(),
    view: () => html`
      <form class="filters" @submit=${search}>
        <label>From <input name="from" .value=${filters.from} placeholder="2026-11-29T12:00:00Z" autocomplete="off" spellcheck="false"></label>
        <label>To <input name="to" .value=${filters.to} placeholder="2026-11-30" autocomplete="off" spellcheck="false"></label>
        <label>Category <select name="category">
          <option value="">all</option>
          ${categories.map((name) => html`<option value=${name} ?selected=${name === filters.category}>${name}</option>`)}
        </select></label>
        <label>Type <input name="type" .value=${filters.type} placeholder="OrderPlaced" list="types" autocomplete="off" spellcheck="false"></label>
        <datalist id="types">${types.map((type) => html`<option value=${type}></option>`)}</datalist>
        <button>Search</button>
      </form>
      <p class="quiet">Times are in UTC. The log in order ends some seconds ago, where no commit can appear any more.</p>
      ${problemView(problem)}
      <ol class="events">${entries.map((entry) => eventView(entry))}</ol>
      ${busyView(isBusy, 'Searching the log …')}
      ${!isBusy && !problem ? html`<p class="quiet" role="status">${ended()}</p>` : nothing}
      ${next !== undefined && !isBusy ? html`<p><button type="button" @click=${load}>${entries.length === 0 ? 'Search on' : 'More'}</button></p>` : nothing}`,
  };

  function ended() {
    if (next === undefined)
      return entries.length === 0
        ? 'No event matches.'
        : `${plural(entries.length, 'event')}, up to the end of the log.`;
    const last = entries.at(-1);
    return last
      ? html`${plural(entries.length, 'event')} so far, up to ${timeView(last.at ?? '')}.`
      : 'No event so far.';
  }
}
