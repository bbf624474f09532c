// The console: log in, navigation, and one page at a time, chosen by the part of the address after #.
import { addToken, bearers, forgetTokens, onRefused, RequestFailed } from './api.js';
import { html, nothing, render } from './lit-html.js';
import { logPage } from './pages/log.js';
import { projectionsPage } from './pages/projections.js';
import { quarantinePage } from './pages/quarantine.js';
import { searchPage } from './pages/search.js';
import { streamPage } from './pages/stream.js';
import { tracePage } from './pages/trace.js';
import { verificationPage } from './pages/verification.js';
import { problemView } from './parts.js';

/** Pages by name. Those with a label are in the navigation of their roles. */
const PAGES = {
  projections: { open: projectionsPage, label: 'Projections', roles: ['ops'] },
  quarantine: { open: quarantinePage, label: 'Quarantine', roles: ['ops'] },
  log: { open: logPage, label: 'Log', roles: ['auditor'] },
  verification: { open: verificationPage, label: 'Verification', roles: ['auditor'] },
  search: { open: searchPage, label: 'Find an order', roles: ['ops', 'auditor'] },
  stream: { open: streamPage, roles: ['auditor'] },
  trace: { open: tracePage, roles: ['auditor'] },
};

let page;
let loginProblem;
/** A question that waits for its answer. */
let asked;

function draw() {
  const held = Object.entries(bearers());
  document.title = `${held.length > 0 ? (page?.title ?? 'Console') : 'Log in'} · commerce-core console`;
  render(held.length > 0 ? frame(held) : loginView(), document.body);
}

function frame(held) {
  const { name } = addressed();
  const entries = Object.entries(PAGES).filter(([, { label }]) => label);
  return html`
    <a class="skip" href="#main" @click=${skip}>Skip to the content</a>
    <header>
      <a class="brand" href="#/">Console</a>
      <nav aria-label="Pages">
        <ul>${entries.map(([key, { label }]) => html`<li><a href=${`#/${key}`} aria-current=${key === name ? 'page' : nothing}>${label}</a></li>`)}</ul>
      </nav>
      <div class="who">
        ${held.map(([role, { subject }]) => html`<span class="quiet" title=${subject}>${role}</span>`)}
        <button type="button" class="second" @click=${leave}>Log out</button>
      </div>
    </header>
    <main id="main">
      <h1 tabindex="-1">${page?.title ?? 'Console'}</h1>
      ${page?.view() ?? nothing}
    </main>
    <dialog aria-labelledby="question" @close=${answered}>
      <form method="dialog">
        <p id="question">${asked?.question ?? ''}</p>
        <div class="row"><button value="yes">${asked?.action ?? 'OK'}</button> <button value="no" class="second" autofocus>Cancel</button></div>
      </form>
    </dialog>`;
}

function loginView() {
  return html`<main id="main" class="login">
    <h1 tabindex="-1">Console</h1>
    <p>For operators and auditors of this shop. Paste a token of the role ops or auditor.</p>
    ${tokenForm('auditor')}
  </main>`;
}

/** Shown instead of a page that no token is for. */
function missingView([role]) {
  return html`<div class="login">
    <p class="problem" role="alert">This page needs a token of the role ${role}.</p>
    ${tokenForm(role)}
  </div>`;
}

function tokenForm(example) {
  return html`<form @submit=${enter}>
      <label for="token">Token</label>
      <input id="token" name="token" type="password" required autocomplete="off" spellcheck="false" aria-describedby="hint">
      ${problemView(loginProblem)}
      <button>Log in</button>
    </form>
    <p id="hint" class="quiet">On the machine of the shop, <code>commerce token --role ${example}</code> prints one. It is kept in this
      tab only, until you log out or close it.</p>`;
}

function enter(event) {
  event.preventDefault();
  const form = event.currentTarget;
  try {
    addToken(String(new FormData(form).get('token')));
    loginProblem = undefined;
    form.reset();
    show();
  } catch (error) {
    loginProblem = error;
    draw();
  }
}

function leave() {
  page?.close?.();
  page = undefined;
  forgetTokens();
  draw();
  document.getElementById('token')?.focus();
}

/** The name of the page, the id that it is about, and its query. */
function addressed() {
  const [path, query = ''] = splitOnce(location.hash.slice(2), '?');
  const [name, id = ''] = splitOnce(path, '/');
  return { name, id: decoded(id), query: new URLSearchParams(query) };
}

function splitOnce(text, mark) {
  const at = text.indexOf(mark);
  return at < 0 ? [text] : [text.slice(0, at), text.slice(at + 1)];
}

function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** Opens the page of the address. */
function show() {
  page?.close?.();
  page = undefined;
  const held = Object.keys(bearers());
  if (held.length === 0) {
    draw();
    document.getElementById('token')?.focus();
    return;
  }
  const mayOpen = ({ roles }) => roles.some((role) => held.includes(role));
  const { name, id, query } = addressed();
  const wanted = Object.hasOwn(PAGES, name) ? PAGES[name] : undefined;
  if (!wanted) return go(`#/${Object.keys(PAGES).find((key) => mayOpen(PAGES[key]))}`);
  // A page may report while it opens, and after it was left.
  let opened;
  const update = () => void (opened !== undefined && page === opened && draw());
  opened = mayOpen(wanted)
    ? wanted.open({ id, query, update, go, confirm, replaceQuery })
    : { title: wanted.label ?? id, view: () => missingView(wanted.roles) };
  page = opened;
  draw();
  document.querySelector('h1')?.focus();
}

function go(hash) {
  if (location.hash === hash) show();
  else location.hash = hash;
}

/** Keeps the address of what is shown, so that it can be sent to somebody, without a step in the history. */
function replaceQuery(query) {
  const [path] = splitOnce(location.hash, '?');
  history.replaceState(null, '', `${path}?${query}`);
}

function skip(event) {
  event.preventDefault();
  document.querySelector('h1')?.focus();
}

/** Asks before something is done. */
function confirm(question, action) {
  return new Promise((resolve) => {
    asked = { question, action, resolve };
    draw();
    document.querySelector('dialog').showModal();
  });
}

function answered(event) {
  const dialog = event.currentTarget;
  asked?.resolve(dialog.returnValue === 'yes');
  asked = undefined;
  dialog.returnValue = '';
}

onRefused(() => {
  loginProblem = new RequestFailed('The server does not accept the token any more. Paste a new one.');
  show();
});
addEventListener('hashchange', show);
show();
