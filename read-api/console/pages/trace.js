// Everything that one request caused, as a tree: commands, their events, and the commands that followed.
import { get } from '../api.js';
import { causeTree } from '../causes.js';
import { html, nothing } from '../lit-html.js';
import { actorText, plural, problemView, streamLink, timeView } from '../parts.js';

const PAGE = 100;
/** An import is one request, and may have caused millions of events. */
const MAX_EVENTS = 2_000;

export function tracePage(
  /** @type {{ id: string, query: URLSearchParams, update(): void, go(hash: string): void }} */ {
    id: correlationId,
    query,
    update,
    go,
  },
) {
  const from = query.get('from') ?? '';
  const abort = new AbortController();
  let events = [];
  let pages = 0;
  let isBusy = true;
  let isStopped = false;
  let problem;

  async function search() {
    let next;
    try {
      do {
        const found = await get('/v1/audit/events', { correlationId, from, limit: PAGE, after: next }, abort.signal);
        events = [...events, ...found.data.filter((entry) => !('unreadable' in entry))];
        next = found.page.next;
        pages += 1;
        update();
      } while (next && !isStopped && events.length < MAX_EVENTS);
      isStopped = Boolean(next);
    } catch (error) {
      if (abort.signal.aborted) return;
      problem = error;
    }
    isBusy = false;
    update();
  }

  function again(event) {
    event.preventDefault();
    const since = String(new FormData(event.currentTarget).get('from') ?? '').trim();
    go(`#/trace/${encodeURIComponent(correlationId)}${since === '' ? '' : `?${new URLSearchParams({ from: since })}`}`);
  }

  void search();
  return {
    title: 'Trace',
    close: () => abort.abort(),
    view: () => {
      const start = Date.parse(events[0]?.at ?? '');
      const streams = new Set(events.map(({ stream }) => stream)).size;
      return html`
        <p>Request <span class="id">${correlationId}</span></p>
        <form class="filters" @submit=${again}>
          <label>Search from <input name="from" .value=${from} placeholder="2026-11-29T12:00:00Z" autocomplete="off" spellcheck="false"></label>
          <button class="second">Search again</button>
        </form>
        ${problemView(problem)}
        ${
          isBusy
            ? html`<p class="quiet" role="status">Searching the log, page ${pages + 1} … <button type="button" class="second" @click=${() => {
                isStopped = true;
              }}>Stop</button></p>`
            : nothing
        }
        ${isBusy || problem ? nothing : html`<p role="status">${told(streams)}</p>`}
        ${events.length === 0 ? nothing : html`<ul class="tree">${causeTree(events).map((command) => commandView(command, start, ''))}</ul>`}`;
    },
  };

  function told(streams) {
    if (events.length === 0)
      return 'No event has this correlation id. The log in order ends some seconds ago; the newest events appear then.';
    const first = html`${plural(events.length, 'event')} in ${plural(streams, 'stream')}, from ${timeView(events[0].at)} UTC`;
    return isStopped ? html`${first}. The search was stopped; there may be more.` : html`${first}.`;
  }
}

/** Who acted is only written where it is somebody else than before. */
function commandView({ commandId, causeElsewhere, events }, start, before) {
  const actor = actorText(events[0].event.actor);
  return html`<li class="command">
    <p><span class="kind">command</span> <span class="id">${commandId}</span>
      ${actor === before ? nothing : html`<span class="quiet">by ${actor}</span>`}
      ${causeElsewhere === undefined ? nothing : html`<span class="quiet">caused by <span class="id">${causeElsewhere}</span></span>`}</p>
    <ul>${events.map(
      ({ event, commands }) => html`<li class="event">
        <p><strong>${event.type}</strong> ${streamLink(event.stream, `?at=${event.version}`)}
          <span class="quiet">version ${event.version}, after ${Date.parse(event.at) - start} ms</span></p>
        ${commands.length === 0 ? nothing : html`<ul>${commands.map((next) => commandView(next, start, actor))}</ul>`}
      </li>`,
    )}</ul>
  </li>`;
}
