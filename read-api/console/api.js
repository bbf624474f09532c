// Requests to the API with the token of this session, and the problems that it answers.

const ROLES = ['ops', 'auditor'];

/** A request failed. The message is for the person who made it. */
export class RequestFailed extends Error {
  /**
   * @param {string} message
   * @param {{ code?: string, retryAfter?: number }} [about] `retryAfter` in seconds
   */
  constructor(message, { code, retryAfter } = {}) {
    super(message);
    this.code = code;
    this.retryAfter = retryAfter;
  }
}

/**
 * Whose tokens this tab has, by role. Closing the tab forgets them.
 * @returns {Record<string, { token: string, subject: string }>}
 */
export function bearers() {
  const entries = ROLES.map((role) => [role, sessionStorage.getItem(keyOf(role))]).filter(([, token]) => token);
  return Object.fromEntries(entries.map(([role, token]) => [role, { token, subject: claimsOf(token).subject }]));
}

/**
 * Keeps a token. Throws `RequestFailed` for a text that is no token of ops or an auditor. The server checks it at every request.
 * @param {string} pasted
 */
export function addToken(pasted) {
  const token = pasted.trim().replace(/^Bearer\s+/i, '');
  const { role } = claimsOf(token);
  if (role === '') throw new RequestFailed('This is not a token. Paste all that `commerce token` has printed.');
  if (!ROLES.includes(role)) {
    throw new RequestFailed(`This token has the role ${role}. The console is for the roles ops and auditor.`);
  }
  sessionStorage.setItem(keyOf(role), token);
}

export function forgetTokens() {
  for (const role of ROLES) sessionStorage.removeItem(keyOf(role));
}

const keyOf = (/** @type {string} */ role) => `console-token-${role}`;

/** The role whose token is sent to a path: an auditor's for the log, else any. What a role may do is the server's decision. */
function roleFor(/** @type {string} */ path) {
  const held = bearers();
  const preferred = path.startsWith('/v1/audit/') ? ['auditor', 'ops'] : ROLES;
  return preferred.find((role) => role in held) ?? '';
}

let tellRefused = () => {};

/** Calls back when the server does not accept a token any more. The token is forgotten. */
export function onRefused(/** @type {() => void} */ tell) {
  tellRefused = tell;
}

/** What the token says about its bearer. */
function claimsOf(/** @type {string} */ token) {
  try {
    const body = token.split('.')[1].replaceAll('-', '+').replaceAll('_', '/');
    const { role, sub } = JSON.parse(atob(body));
    return { role: String(role), subject: String(sub) };
  } catch {
    return { role: '', subject: '' };
  }
}

/**
 * GET a path. Parameters without a value are left out. Waits where the server asks for it: a long search has many requests.
 * @param {string} path
 * @param {Record<string, string | number | undefined>} [query]
 * @param {AbortSignal} [signal]
 */
export async function get(path, query = {}, signal) {
  const given = Object.entries(query).filter(([, value]) => value !== undefined && value !== '');
  const search = new URLSearchParams(given.map(([name, value]) => [name, String(value)]));
  const target = search.size > 0 ? `${path}?${search}` : path;
  for (;;) {
    try {
      return await send('GET', target, { signal });
    } catch (error) {
      const { code, retryAfter } = error;
      if (code !== 'rate_limited' || retryAfter === undefined) throw error;
      await new Promise((resolve) => setTimeout(resolve, retryAfter * 1000));
    }
  }
}

/**
 * POST a command. The key makes a repeat of the same request harmless.
 * @param {string} path
 * @param {object} [body]
 */
export function post(path, body) {
  const key = { 'Idempotency-Key': randomKey() };
  if (body === undefined) return send('POST', path, { headers: key });
  return send('POST', path, { headers: { ...key, 'Content-Type': 'application/json' }, body: JSON.stringify(body) });
}

async function send(/** @type {string} */ method, /** @type {string} */ path, { headers = {}, ...rest } = {}) {
  const role = roleFor(path);
  let response;
  try {
    const Authorization = `Bearer ${bearers()[role]?.token ?? ''}`;
    response = await fetch(path, {
      method,
      headers: { ...headers, Authorization, Accept: 'application/json' },
      ...rest,
    });
  } catch (error) {
    if (error instanceof DOMException && error.name === 'AbortError') throw error;
    throw new RequestFailed('The server does not answer. Is it running, and are you online?');
  }
  const body = await response.json().catch(() => undefined);
  if (response.ok) return body;
  if (response.status === 401) {
    sessionStorage.removeItem(keyOf(role));
    tellRefused();
  }
  const { detail = `The server answered ${response.status}.`, code } = body ?? {};
  const retryAfter = Number(response.headers.get('Retry-After') ?? Number.NaN);
  throw new RequestFailed(detail, { code, retryAfter: Number.isFinite(retryAfter) ? retryAfter : undefined });
}

/** `crypto.randomUUID` exists in secure contexts only. */
function randomKey() {
  return [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, '0')).join('');
}
