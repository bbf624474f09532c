// Projections: how far each is behind the log, and rebuilds with their progress. It refreshes itself.
import { get, post } from '../api.js';
import { html, nothing } from '../lit-html.js';
import { busyView, count, duration, plural, problemView } from '../parts.js';

const REFRESH_MS = 2_000;

export function projectionsPage(
  /** @type {{ update(): void, confirm(question: string, action: string): Promise<boolean> }} */ { update, confirm },
) {
  let projections;
  let problem;
  let done;
  let timer;
  let closed = false;

  async function refresh() {
    clearTimeout(timer);
    try {
      projections = (await get('/v1/ops/projections')).data;
      problem = undefined;
    } catch (error) {
      problem = error;
    }
    if (closed) return;
    update();
    timer = setTimeout(refresh, REFRESH_MS);
  }

  async function act(path, question, action, told) {
    if (!(await confirm(question, action))) return;
    try {
      await post(path);
      done = { text: told };
    } catch (error) {
      done = { error };
    }
    await refresh();
  }

  const rebuild = (name) =>
    act(
      `/v1/ops/projections/${encodeURIComponent(name)}/rebuilds`,
      `Rebuild ${name}? The present build serves until the new one is complete and checked.`,
      'Rebuild',
      `The rebuild of ${name} has started.`,
    );
  const rollBack = (name) =>
    act(
      `/v1/ops/projections/${encodeURIComponent(name)}/rollback`,
      `Roll ${name} back to its previous build? Queries are answered from it at once.`,
      'Roll back',
      `${name} serves its previous build.`,
    );

  function row({ name, version, lag, quarantine = 0, builds = [] }) {
    // Builds that serve, or served before, have nothing to show beyond that.
    const made = builds.filter(({ phase }) => phase !== 'serving');
    const isRebuilding = made.some(({ phase }) => !['previous', 'failed'].includes(phase));
    const canRollBack = made.some(({ phase }) => phase === 'previous');
    return html`<tr>
      <th scope="row">${name}</th>
      <td data-label="Version" class="id">${version}</td>
      <td data-label="Behind the log">
        ${lagView(lag)}
        ${quarantine > 0 ? html`<br><a href="#/quarantine">${plural(quarantine, 'stream')} in quarantine</a>` : nothing}
      </td>
      <td data-label="Other builds">${made.length === 0 ? html`<span class="quiet">none</span>` : made.map(buildView)}</td>
      <td class="actions">
        <button type="button" ?disabled=${isRebuilding} @click=${() => rebuild(name)}>Rebuild<span class="unseen"> ${name}</span></button>
        <button type="button" class="second" ?disabled=${!canRollBack} @click=${() => rollBack(name)}>Roll back<span class="unseen"> ${name}</span></button>
      </td>
    </tr>`;
  }

  void refresh();
  return {
    title: 'Projections',
    close() {
      closed = true;
      clearTimeout(timer);
    },
    view: () => html`
      <p>Read models, built from the log. A rebuild makes a new build beside the one that serves, and switches when it is checked.</p>
      ${done?.text ? html`<p class="told" role="status">${done.text}</p>` : problemView(done?.error)}
      ${problemView(problem)} ${busyView(projections === undefined && problem === undefined)}
      ${
        projections === undefined
          ? nothing
          : html`<table class="cards">
              <thead><tr><th scope="col">Name</th><th scope="col">Version</th><th scope="col">Behind the log</th><th scope="col">Other builds</th><th scope="col"><span class="unseen">Actions</span></th></tr></thead>
              <tbody>${projections.map(row)}</tbody>
            </table>`
      }`,
  };
}

function lagView({ commits, seconds, atLeast } = {}) {
  if (!commits) return html`<span class="good">up to date</span>`;
  return html`<span class="late">${atLeast ? '≥ ' : ''}${plural(commits, 'commit')}, ${duration(seconds)}</span>`;
}

function buildView({ version, phase, commits, perSecond, secondsLeft, waitsFor, error }) {
  const rate = [
    commits && `${count(commits.done)} of ${count(commits.total)}`,
    perSecond === undefined ? undefined : `${count(Math.round(perSecond))}/s`,
    secondsLeft === undefined ? undefined : `${duration(secondsLeft)} left`,
  ].filter(Boolean);
  return html`<div class="build">
    <span><span class="id">${version}</span> ${phase}</span>
    ${commits && commits.total > 0 ? html`<progress max=${commits.total} .value=${commits.done} aria-label=${`Progress of build ${version}`}></progress>` : nothing}
    ${rate.length > 0 ? html`<span class="quiet">${rate.join(', ')}</span>` : nothing}
    ${waitsFor ? html`<span class="late">It waits for ${waitsFor}.</span>` : nothing}
    ${error ? html`<span class="late">${error}</span>` : nothing}
  </div>`;
}
