// Finds orders by number, customer or e-mail address, and any stream by its id.
import { get } from '../api.js';
import { html, nothing } from '../lit-html.js';
import { busyView, problemView, streamLink, timeView } from '../parts.js';

export function searchPage(
  /** @type {{ query: URLSearchParams, update(): void, go(hash: string): void }} */ { query, update, go },
) {
  const text = (query.get('q') ?? '').trim();
  let orders;
  let next;
  let isBusy = false;
  let problem;

  async function load() {
    isBusy = true;
    update();
    try {
      const { data, page } = await get('/v1/audit/orders', { ...criterionOf(text), after: next });
      orders = [...(orders ?? []), ...data];
      next = page.next ?? undefined;
    } catch (error) {
      problem = error;
    }
    isBusy = false;
    update();
  }

  function search(event) {
    event.preventDefault();
    const wanted = String(new FormData(event.currentTarget).get('q')).trim();
    if (wanted === '') return;
    go(streamOf(wanted) ?? `#/search?${new URLSearchParams({ q: wanted })}`);
  }

  if (text !== '') void load();
  return {
    title: 'Find an order',
    view: () => html`
      <form class="filters" role="search" @submit=${search}>
        <label class="wide">Number, customer or e-mail address
          <input name="q" type="search" .value=${text} placeholder="1000000, customer_01J… or ada@example.com" autocomplete="off" spellcheck="false">
        </label>
        <button>Find</button>
      </form>
      <p class="quiet">An id such as order_01J… or stock#MUG-BLUE@main opens the stream at once.</p>
      ${problemView(problem)} ${busyView(isBusy)}
      ${orders === undefined ? nothing : orders.length === 0 ? html`<p role="status">No order was found for ${text}.</p>` : table()}
      ${next === undefined || isBusy ? nothing : html`<p><button type="button" @click=${load}>More</button></p>`}`,
  };

  function table() {
    return html`<table class="cards">
      <thead><tr><th scope="col">Number</th><th scope="col">Placed</th><th scope="col">Stream</th></tr></thead>
      <tbody>${orders.map(
        ({ number, placedAt, stream }) => html`<tr>
          <th scope="row">${number}</th>
          <td data-label="Placed">${timeView(placedAt)}</td>
          <td data-label="Stream">${streamLink(stream)}</td>
        </tr>`,
      )}</tbody>
    </table>`;
  }
}

function criterionOf(/** @type {string} */ text) {
  if (text.includes('@')) return { email: text };
  return text.startsWith('customer_') ? { customerId: text } : { number: text };
}

/** The page of the stream, for a text that names one. */
function streamOf(/** @type {string} */ text) {
  if (text.includes('#')) return `#/stream/${encodeURIComponent(text)}`;
  const [, category, key] = /^(cart|order|payment|product|return|shipment)_([\w.-]+)$/.exec(text) ?? [];
  return category === undefined ? undefined : `#/stream/${encodeURIComponent(`${category}#${key}`)}`;
}
