// What the pages have in common. All data is put in as text: the templates of lit-html never parse it as HTML.
import { html, nothing } from './lit-html.js';

/** A time in UTC, to the millisecond. */
export function timeView(/** @type {string} */ iso) {
  return html`<time datetime=${iso}>${iso.replace('T', ' ').replace('Z', '')}</time>`;
}

export function streamLink(/** @type {string} */ stream, query = '') {
  return html`<a class="id" href=${`#/stream/${encodeURIComponent(stream)}${query}`}>${stream}</a>`;
}

export function traceLink(/** @type {string} */ correlationId) {
  return html`<a class="id" href=${`#/trace/${encodeURIComponent(correlationId)}`}>${correlationId}</a>`;
}

export function actorText(/** @type {{ type: string, id: string, role?: string }} */ { type, id, role }) {
  return role === undefined ? `${type} ${id}` : `${type} ${id} as ${role}`;
}

/** A whole number with separators, as everywhere in the console. */
export function count(/** @type {number} */ number) {
  return number.toLocaleString('en-GB');
}

/** One and many: `plural(2, 'event')` → `2 events`. */
export function plural(/** @type {number} */ number, /** @type {string} */ noun) {
  return `${count(number)} ${noun}${number === 1 ? '' : 's'}`;
}

/** `90` → `1 min 30 s` */
export function duration(/** @type {number} */ seconds) {
  if (seconds < 60) return `${Math.round(seconds)} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${Math.round(seconds % 60)} s`;
  return `${Math.floor(seconds / 3600)} h ${Math.round((seconds % 3600) / 60)} min`;
}

/** The message of a request that failed; nothing if none did. */
export function problemView(/** @type {Error | undefined} */ problem) {
  return problem ? html`<p class="problem" role="alert">${problem.message}</p>` : nothing;
}

export function busyView(/** @type {boolean} */ isBusy, text = 'Loading …') {
  return isBusy ? html`<p class="quiet" role="status">${text}</p>` : nothing;
}

/** A JSON value, indented. Sealed personal fields are named as such. */
export function jsonView(/** @type {unknown} */ value) {
  return html`<pre class="json">${jsonParts(value, '')}</pre>`;
}

/** Characters of a list or an object on one line. */
const SHORT_JSON = 60;

/** A short value on one line. */
export function valueText(/** @type {unknown} */ value) {
  const sealed = sealedOf(value);
  return sealed === undefined ? html`<code>${JSON.stringify(value)}</code>` : sealedView(sealed);
}

function sealedView(/** @type {string} */ subject) {
  return html`<span class="sealed" title="A personal field. It stays sealed in the log.">sealed: ${subject}</span>`;
}

/** The person whose sealed data this is; undefined for any other value. */
function sealedOf(/** @type {unknown} */ value) {
  const isSealed = typeof value === 'object' && value !== null && 'sealed' in value && 'box' in value;
  return isSealed ? String(value.sealed) : undefined;
}

/**
 * Lists and objects that fit are on one line.
 * @param {unknown} value
 * @param {string} indent
 * @returns {unknown}
 */
function jsonParts(value, indent) {
  const sealed = sealedOf(value);
  if (sealed !== undefined) return sealedView(sealed);
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'undefined';
  const isList = Array.isArray(value);
  const [open, close] = isList ? ['[', ']'] : ['{', '}'];
  const members = Object.entries(value);
  if (members.length === 0) return `${open}${close}`;
  const isFlat = members.every(([, member]) => typeof member !== 'object' || member === null);
  const isShort = isFlat && JSON.stringify(value).length <= SHORT_JSON;
  const inner = `${indent}  `;
  const [before, after] = isShort ? [' ', ' '] : [`\n${inner}`, `\n${indent}`];
  const lines = members.map(([name, member], n) => [
    n === 0 ? before : `,${before}`,
    isList ? nothing : html`<span class="name">${name}</span>: `,
    jsonParts(member, inner),
  ]);
  return [open, lines, after, close];
}

/** An event of the log with its details. `where` leaves out what the page is about. */
export function eventView(/** @type {any} */ entry, { showsStream = true } = {}) {
  if ('unreadable' in entry) {
    return html`<li class="event damaged">
      <p><strong>Commit ${entry.commitNo} cannot be read</strong> ${showsStream ? streamLink(entry.stream) : nothing}</p>
      <p>${entry.unreadable}</p>
    </li>`;
  }
  const { stream, version, commitNo, at, occurredAt, type, actor, correlationId, causationId, commandId, hash } = entry;
  return html`<li class="event">
    <details>
      <summary>
        <span>${showsStream ? nothing : html`<span class="version">${count(version)}</span>`} <strong>${type}</strong> ${timeView(at)}</span>
        <span class="quiet">${showsStream ? stream : actorText(actor)}</span>
      </summary>
      <dl class="facts">
        ${showsStream ? html`<dt>Stream</dt><dd>${streamLink(stream, `?at=${version}`)}, version ${count(version)}</dd>` : nothing}
        <dt>By</dt><dd>${actorText(actor)}</dd>
        <dt>Request</dt><dd>${traceLink(correlationId)}</dd>
        <dt>Caused by</dt><dd class="id">${causationId === commandId ? 'the command itself' : causationId}</dd>
        <dt>Command</dt><dd class="id">${commandId}</dd>
        ${occurredAt === at ? nothing : html`<dt>Happened</dt><dd>${timeView(occurredAt)}</dd>`}
        <dt>Commit</dt><dd>${count(commitNo)}, <span class="id">${hash}</span></dd>
      </dl>
      ${jsonView(entry.data)}
    </details>
  </li>`;
}
