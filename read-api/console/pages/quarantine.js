// Quarantine: commits that a projection could not apply, each with a retry.
import { get, post } from '../api.js';
import { html, nothing } from '../lit-html.js';
import { busyView, count, problemView, streamLink, timeView } from '../parts.js';

export function quarantinePage(/** @type {{ update(): void }} */ { update }) {
  let entries = [];
  let next;
  let problem;
  let isBusy = false;
  /** What came of each retry, by id. */
  const outcomes = new Map();

  async function load(after) {
    isBusy = true;
    update();
    try {
      const { data, page } = await get('/v1/ops/quarantine', { limit: 100, after });
      entries = after === undefined ? data : [...entries, ...data];
      next = page?.next ?? undefined;
      problem = undefined;
    } catch (error) {
      problem = error;
    }
    isBusy = false;
    update();
  }

  async function retry(id) {
    outcomes.set(id, { text: 'Retrying …' });
    update();
    try {
      const { status, error } = await post(`/v1/ops/quarantine/${encodeURIComponent(id)}/retry`, {});
      outcomes.set(id, {
        text: status === 'applied' ? 'Applied.' : `Still in quarantine: ${error ?? 'it failed again'}`,
      });
    } catch (error) {
      outcomes.set(id, { text: error.message });
    }
    update();
  }

  function row({ id, projection, stream, commitNo, since, error }) {
    const outcome = outcomes.get(id);
    return html`<tr>
      <th scope="row">${projection}</th>
      <td data-label="Stream">${streamLink(stream)}</td>
      <td data-label="Commit">${count(commitNo)}</td>
      <td data-label="Since">${timeView(since)}</td>
      <td data-label="Error">${error}</td>
      <td class="actions">
        <button type="button" @click=${() => retry(id)}>Retry<span class="unseen"> commit ${commitNo} of ${stream}</span></button>
        <span role="status">${outcome?.text ?? nothing}</span>
      </td>
    </tr>`;
  }

  void load();
  return {
    title: 'Quarantine',
    view: () => html`
      <p>A stream stops in a projection at a commit that cannot be applied. All other streams go on.</p>
      <p><button type="button" class="second" @click=${() => load()}>Refresh</button></p>
      ${problemView(problem)} ${busyView(isBusy)}
      ${entries.length === 0 && !isBusy && !problem ? html`<p class="good">Nothing is in quarantine.</p>` : nothing}
      ${
        entries.length === 0
          ? nothing
          : html`<table class="cards">
              <thead><tr><th scope="col">Projection</th><th scope="col">Stream</th><th scope="col">Commit</th><th scope="col">Since</th><th scope="col">Error</th><th scope="col"><span class="unseen">Actions</span></th></tr></thead>
              <tbody>${entries.map(row)}</tbody>
            </table>`
      }
      ${next === undefined ? nothing : html`<p><button type="button" @click=${() => load(next)}>More</button></p>`}`,
  };
}
