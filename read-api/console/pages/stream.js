// One stream: its events, its state at any version, and what changed between two versions.
import { get } from '../api.js';
import { differences } from '../differences.js';
import { html, nothing } from '../lit-html.js';
import { busyView, count, eventView, jsonView, plural, problemView, timeView, valueText } from '../parts.js';

/** A slider that moves sends no request for each step. */
const SETTLE_MS = 120;
const PAGE = 100;

export function streamPage(
  /** @type {{ id: string, query: URLSearchParams, update(): void, replaceQuery(query: string): void }} */ {
    id: stream,
    query,
    update,
    replaceQuery,
  },
) {
  const path = `/v1/audit/streams/${encodeURIComponent(stream)}`;
  const abort = new AbortController();
  let events = [];
  let next;
  let last = 0;
  let problem;
  let isBusy = true;
  /** The version of the slider, the version to compare with (0: none), and their states. */
  let at = 0;
  let compared = 0;
  const states = new Map();
  let stateProblem;
  let timer;

  async function open() {
    try {
      const [newest] = await Promise.all([get(`${path}/state`, {}, abort.signal).catch(keepProblem), loadEvents()]);
      last = newest?.version ?? events.reduce((most, { version = 0 }) => Math.max(most, version), 0);
      if (newest) states.set(newest.version, newest);
      at = within(Number(query.get('at'))) || last;
      compared = within(Number(query.get('with')));
      await loadStates();
    } catch (error) {
      if (abort.signal.aborted) return;
      problem = error;
    }
    isBusy = false;
    update();
  }

  function keepProblem(error) {
    stateProblem = error;
    return undefined;
  }

  const within = (version) => (Number.isInteger(version) && version >= 1 && version <= last ? version : 0);

  async function loadEvents() {
    const { data, page } = await get(path, { limit: PAGE, after: next }, abort.signal);
    events = [...events, ...data];
    next = page.next ?? undefined;
    update();
  }

  async function loadStates() {
    const missing = [at, compared].filter((version) => version > 0 && !states.has(version));
    try {
      await Promise.all(
        missing.map(async (version) => states.set(version, await get(`${path}/state`, { at: version }, abort.signal))),
      );
      if (missing.length > 0) stateProblem = undefined;
    } catch (error) {
      if (abort.signal.aborted) return;
      stateProblem = error;
    }
    update();
  }

  function show(version, other = compared) {
    at = version;
    compared = other;
    update();
    clearTimeout(timer);
    timer = setTimeout(() => {
      replaceQuery(compared === 0 ? `at=${at}` : `at=${at}&with=${compared}`);
      void loadStates();
    }, SETTLE_MS);
  }

  void open();
  return {
    title: stream,
    close() {
      clearTimeout(timer);
      abort.abort();
    },
    view: () => html`
      ${problemView(problem)} ${busyView(isBusy)}
      ${events.length === 0 ? nothing : html`<p>${summary()}</p>`}
      <div class="sides">
        <section aria-labelledby="state">
          <h2 id="state">State</h2>
          ${problemView(stateProblem)} ${last === 0 ? nothing : stateView()}
        </section>
        <section aria-labelledby="events">
          <h2 id="events">Events</h2>
          <ol class="events">${events.map((entry) => eventView(entry, { showsStream: false }))}</ol>
          ${
            next === undefined
              ? nothing
              : html`<p><button type="button" @click=${() =>
                  loadEvents().catch((error) => {
                    problem = error;
                    update();
                  })}>More</button></p>`
          }
        </section>
      </div>`,
  };

  function summary() {
    const [first] = events;
    const begun = first.at ? html`, begun ${timeView(first.at)}` : nothing;
    return html`${plural(last, 'event')}${begun}. Times are in UTC.`;
  }

  function stateView() {
    const shown = states.get(at);
    return html`
      <form class="slider" @submit=${(event) => event.preventDefault()}>
        <label for="version">Version <output>${count(at)}</output> of ${count(last)}</label>
        <span class="quiet">${shown === undefined ? '…' : timeView(shown.at)}</span>
        <div class="row">
          <button type="button" class="second" aria-label="Version before" ?disabled=${at <= 1} @click=${() => show(at - 1)}>←</button>
          <input id="version" type="range" min="1" max=${last} .value=${String(at)} aria-valuetext=${`version ${at}`}
            @input=${(event) => show(Number(event.target.value))}>
          <button type="button" class="second" aria-label="Next version" ?disabled=${at >= last} @click=${() => show(at + 1)}>→</button>
        </div>
        <label class="compare">Compare with version
          <input type="number" min="1" max=${last} inputmode="numeric" .value=${compared === 0 ? '' : String(compared)}
            @change=${(event) => show(at, within(Number(event.target.value)))}>
        </label>
        ${at > 1 && compared !== at - 1 ? html`<button type="button" class="second" @click=${() => show(at, at - 1)}>With the one before</button>` : nothing}
        ${compared === 0 ? nothing : html`<button type="button" class="second" @click=${() => show(at, 0)}>Show the whole state</button>`}
      </form>
      ${shown === undefined ? busyView(stateProblem === undefined) : nothing}
      ${shown === undefined ? nothing : compared === 0 ? jsonView(shown.state) : differencesView(shown)}`;
  }

  function differencesView(shown) {
    const other = states.get(compared);
    if (other === undefined) return busyView(stateProblem === undefined);
    const [older, newer] = compared <= at ? [other, shown] : [shown, other];
    const found = differences(older.state, newer.state);
    if (found.length === 0) return html`<p>Versions ${older.version} and ${newer.version} have the same state.</p>`;
    return html`<table class="cards differences">
      <caption>${plural(found.length, 'difference')}</caption>
      <thead><tr><th scope="col">Member</th><th scope="col">Version ${older.version}</th><th scope="col">Version ${newer.version}</th></tr></thead>
      <tbody>${found.map(
        (one) => html`<tr>
          <th scope="row" class="id">${one.path || 'the whole state'}</th>
          <td data-label=${`Version ${older.version}`} class="before">${'before' in one ? valueText(one.before) : html`<span class="quiet">absent</span>`}</td>
          <td data-label=${`Version ${newer.version}`} class="after">${'after' in one ? valueText(one.after) : html`<span class="quiet">absent</span>`}</td>
        </tr>`,
      )}</tbody>
    </table>`;
  }
}
