// The product as its users run it: the built program in a separate process, and callers over HTTP.
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { mkdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { expect } from 'chai';
import { freePort } from '../infra/engines/processes.js';
import { type EngineName, freshName, IS_REDIS_CLUSTER, type TestEngines } from './engines.js';
import { staffToken, withoutSettings } from './open-here.js';
import { the } from './the.js';

/** For a busy machine: a start with engines, the end of a program, and polling. */
const EXIT_TIMEOUT_MS = 30_000;
const EVENTUALLY_TIMEOUT_MS = 60_000;
const POLL_MS = 50;

/** How long queries may wait for the commits that their caller has seen. */
const CATCH_UP_S = 30;

const ROOT = join(import.meta.dirname, '..');

// ── Profiles ────────────────────────────────────────────────────────────────────────────────────────────────────────

export type Environment = Record<string, string>;

export interface TestProfile {
  name: 'embedded' | 'aws';
  engines: readonly EngineName[];
  /** Environment of an empty shop without other users. */
  freshEnvironment(engines: TestEngines): Promise<Environment>;
}

const BY_DEFAULT: readonly TestProfile[] = [
  { name: 'embedded', engines: ['postgres'], freshEnvironment: embeddedEnvironment },
  {
    name: 'aws',
    engines: ['postgres', 'dynamodb', 'kinesis', 'mongodb', 'opensearch', 'redis'],
    freshEnvironment: async (engines) => ({
      ...(await embeddedEnvironment(engines)),
      COMMERCE_PROFILE: 'aws',
      COMMERCE_NAMESPACE: freshName('shop').replace('_', '-'),
      AWS_ENDPOINT_URL: engines.aws(),
      MONGODB_URL: engines.mongodb(),
      OPENSEARCH_URL: engines.opensearch(),
      REDIS_URL: engines.redis(),
      COMMERCE_REDIS_CLUSTER: IS_REDIS_CLUSTER ? '1' : '0',
    }),
  },
];

/** `npm run test:eventstoredb` sets this. The tests of the whole system then run on EventStoreDB. */
export const PROFILES = process.env.TEST_EVENT_STORE === 'eventstoredb' ? BY_DEFAULT.map(onEventStoreDb) : BY_DEFAULT;

function onEventStoreDb({ name, engines: wanted, freshEnvironment }: TestProfile): TestProfile {
  return {
    name,
    engines: [...wanted, 'eventstoredb'],
    freshEnvironment: async (engines) => ({
      ...(await freshEnvironment(engines)),
      COMMERCE_EVENT_STORE: 'eventstoredb',
      COMMERCE_NAMESPACE: freshName('shop').replace('_', '-'),
      EVENTSTORE_URL: engines.eventstoredb(),
    }),
  };
}

async function embeddedEnvironment(engines: TestEngines): Promise<Environment> {
  return {
    COMMERCE_PROFILE: 'embedded',
    COMMERCE_DATA: await freshFolder(),
    DATABASE_URL: await engines.freshDatabase(),
  };
}

/** Accessible to the system user of Postgres if these tests run as root. */
export async function freshFolder(): Promise<string> {
  const folder = join(tmpdir(), freshName('commerce'));
  await mkdir(folder, { mode: 0o755 });
  folders.push(folder);
  return folder;
}

const folders: string[] = [];

/** A free port that no other program gets meanwhile: it lies below the range of ports that systems assign. */
export function freshPort(): Promise<number> {
  return freePort(randomInt(20_000, 32_000));
}

// ── The program ─────────────────────────────────────────────────────────────────────────────────────────────────────

let built: Promise<unknown> | undefined;

/** Once per test run. */
function build(): Promise<unknown> {
  built ??= promisify(execFile)(process.execPath, ['build.mjs'], { cwd: ROOT });
  return built;
}

export interface Exit {
  code: number | null;
  signal: NodeJS.Signals | null;
}

export interface Program {
  stdout(): string;
  stderr(): string;
  /** Both outputs, as a terminal would show them. */
  output(): string;
  kill(signal: NodeJS.Signals): void;
  /** Closes the reading ends of its output. */
  hangUp(): void;
  /** True if `kill` was called. */
  wasAsked(): boolean;
  exited: Promise<Exit>;
}

/** A shell, and its commands before it executes the program. */
export interface Surroundings {
  shell: readonly [string, ...string[]];
  before: string;
}

/** Runs `commerce` with these arguments. The environment of the test run does not affect it. */
export async function startProgram(
  args: readonly string[],
  environment: Environment,
  within?: Surroundings,
): Promise<Program> {
  if (process.env.NO_ENGINES) throw new Error('This starts a program: describe it with describeWith.');
  await build();
  const command = [process.execPath, '--enable-source-maps', 'dist/commerce.js', ...args] as const;
  const [program, ...rest] = within ? [...within.shell, `${within.before}; exec "$@"`, 'sh', ...command] : command;
  const child = spawn(program, rest, {
    cwd: ROOT,
    env: { ...withoutSettings(process.env), COMMERCE_RATE_LIMIT_SCALE: '100000', ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  running.add(child);
  const said = { stdout: '', stderr: '', output: '' };
  for (const stream of ['stdout', 'stderr'] as const) {
    child[stream].setEncoding('utf8').on('data', (text: string) => {
      said[stream] += text;
      said.output += text;
    });
  }
  const exited = new Promise<Exit>((resolve, reject) => {
    child.once('error', reject).once('close', (code, signal) => resolve({ code, signal }));
  }).finally(() => running.delete(child));
  return {
    stdout: () => said.stdout,
    stderr: () => said.stderr,
    output: () => said.output,
    kill: (signal) => void child.kill(signal),
    hangUp: () => void child.stdout.destroy(),
    wasAsked: () => child.killed,
    exited,
  };
}

export interface Finished {
  code: number | null;
  stdout: string;
  stderr: string;
}

/** Runs `commerce` to its end. */
export async function commerce(
  args: readonly string[],
  environment: Environment = {},
  within?: Surroundings,
): Promise<Finished> {
  const program = await startProgram(args, environment, within);
  const { code } = await program.exited;
  return { code, stdout: program.stdout(), stderr: program.stderr() };
}

/** Stops it as a supervisor does: it must end by itself with success. */
export async function stopInOrder(program: Program, signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
  program.kill(signal);
  const exit = await Promise.race([program.exited, delay(EXIT_TIMEOUT_MS, undefined, { ref: false })]);
  expect(exit, program.output()).to.deep.equal({ code: 0, signal: null });
}

const running = new Set<ChildProcess>();

/** Ends the programs that failed tests have left running. */
export async function endPrograms(): Promise<void> {
  for (const child of running) child.kill('SIGKILL');
  await eventually('programs have ended', () => expect(running.size).to.equal(0));
  await Promise.all(folders.splice(0).map((folder) => rm(folder, { recursive: true, force: true })));
}

process.once('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

// ── The running shop ────────────────────────────────────────────────────────────────────────────────────────────────

/**
 * Its staff and guests see each other's changes, so that a test may read with one what another has just changed. Whoever is anybody
 * has seen nothing.
 */
export interface RunningShop {
  url: string;
  program: Program;
  /** A caller with the token that `commerce token --role` prints. */
  staff(role: 'catalogue' | 'support' | 'ops' | 'auditor'): Promise<Caller>;
  guest(): Promise<Guest>;
  /** Opens an account, and logs in. */
  customer(account: { email: string; password: string; name: string }): Promise<Guest>;
  anybody(): Caller;
  stop(): Promise<void>;
}

/** Or a customer with an account. */
export type Guest = Caller & { customerId: string };

export async function startShop(environment: Environment, args: readonly string[] = []): Promise<RunningShop> {
  const program = await startProgram(['start', '--port', '0', ...args], environment);
  return whenReady(program, environment);
}

/** Resolves once the program has printed its address. */
export async function whenReady(program: Program, environment: Environment): Promise<RunningShop> {
  const ended = program.exited.then(({ code }) => {
    throw new Error(`commerce start ended with ${code}:\n${program.output()}`);
  });
  const said = eventually('it is ready', () => expect(program.stdout()).to.include('Ctrl-C stops it.'));
  await Promise.race([said, ended]);
  void program.exited.then(() => {
    if (!program.wasAsked()) console.error(`The shop ended by itself:\n${program.output()}`);
  });
  const url = the(/http:\/\/[\d.]+:\d+/.exec(program.stdout()))[0];
  const together = nothingSeen();
  return {
    url,
    program,
    staff: async (role) => callerAt(url, await staffToken(environment, role), together),
    async guest() {
      const { body } = await callerAt(url).post('/v1/sessions', {});
      return { ...callerAt(url, body.token, together), customerId: body.customerId };
    },
    async customer({ email, password, name }) {
      const registered = await callerAt(url).post('/v1/customers', { email, password, name });
      expect(registered.status, JSON.stringify(registered.body)).to.equal(201);
      const { body } = await callerAt(url, undefined, together).post('/v1/sessions', { email, password });
      return { ...callerAt(url, body.token, together), customerId: body.customerId };
    },
    anybody: () => callerAt(url),
    stop: () => stopInOrder(program),
  };
}

// ── Callers ─────────────────────────────────────────────────────────────────────────────────────────────────────────

export interface Answer {
  status: number;
  headers: Headers;
  // biome-ignore lint/suspicious/noExplicitAny: what the API answers is what the tests are about
  body: any;
}

type RequestHeaders = Record<string, string>;

/** A caller that sees its own changes: each request has the consistency token of the previous answer. */
export interface Caller {
  get(path: string, headers?: RequestHeaders): Promise<Answer>;
  post(path: string, body?: unknown, headers?: RequestHeaders): Promise<Answer>;
  put(path: string, body?: unknown, headers?: RequestHeaders): Promise<Answer>;
  patch(path: string, body?: unknown, headers?: RequestHeaders): Promise<Answer>;
  delete(path: string, headers?: RequestHeaders): Promise<Answer>;
}

/** A consistency token, and the number of each caller's newest answer that it includes. */
interface Seen {
  token?: string;
  includes: ReadonlyMap<object, number>;
}

/** The newest of all answers to some callers. */
interface SeenTogether {
  newest: Seen;
}

const nothingSeen = (): SeenTogether => ({ newest: { includes: new Map() } });

export function callerAt(url: string, token?: string, together = nothingSeen()): Caller {
  const me = {};
  let answers = 0;
  let own = together.newest;
  /** What all have seen, unless it lacks the caller's own changes, because others asked at the same time. */
  const seenNow = () => ((together.newest.includes.get(me) ?? 0) >= answers ? together.newest : own);

  async function send(method: string, path: string, body: unknown, headers: RequestHeaders = {}): Promise<Answer> {
    const seen = seenNow();
    const response = await fetch(url + path, {
      method,
      headers: {
        Prefer: `wait=${CATCH_UP_S}`,
        ...(token && { Authorization: `Bearer ${token}` }),
        ...(seen.token && { 'Consistency-Token': seen.token }),
        ...(body !== undefined && { 'Content-Type': 'application/json' }),
        ...headers,
      },
      ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    });
    const text = await response.text();
    expectCommonManners(`${method} ${path}`, response, text);
    own = {
      token: the(response.headers.get('consistency-token')),
      includes: new Map(seen.includes).set(me, ++answers),
    };
    together.newest = own;
    const isJson = /json/.test(response.headers.get('content-type') ?? '');
    return { status: response.status, headers: response.headers, body: isJson ? JSON.parse(text) : text };
  }

  return {
    get: (path, headers) => send('GET', path, undefined, headers),
    post: (path, body, headers) => send('POST', path, body, headers),
    put: (path, body, headers) => send('PUT', path, body, headers),
    patch: (path, body, headers) => send('PATCH', path, body, headers),
    delete: (path, headers) => send('DELETE', path, undefined, headers),
  };
}

/** The rules for every answer. */
function expectCommonManners(request: string, { status, headers }: Response, text: string): void {
  expect(headers.get('x-request-id'), `${request}: X-Request-Id`).to.match(/./);
  expect(headers.get('consistency-token'), `${request}: Consistency-Token`).to.match(/./);
  expect(status, `${request}: ${text}`).not.to.equal(500);
  if (status < 400) return;
  expect(headers.get('content-type'), `${request}: ${text}`).to.match(/^application\/problem\+json/);
  const problem = JSON.parse(text);
  expect(problem, request).to.include({ status, instance: the(request.split(' ')[1]).split('?')[0] });
  for (const field of ['type', 'title', 'detail', 'code']) expect(problem[field], `${request}: ${field}`).to.match(/./);
}

export function expectProblem({ status, body }: Answer, expected: number, code: string): void {
  expect({ status, code: body.code }, JSON.stringify(body)).to.deep.equal({ status: expected, code });
}

/** A new idempotency key. */
export function once() {
  return { 'Idempotency-Key': freshName('key') };
}

/** Retries until it does not throw. */
export async function eventually<T>(
  what: string,
  attempt: () => T | Promise<T>,
  timeoutMs = EVENTUALLY_TIMEOUT_MS,
): Promise<T> {
  const deadline = Date.now() + timeoutMs;
  for (;;) {
    try {
      return await attempt();
    } catch (error) {
      if (Date.now() > deadline)
        throw new Error(`Not within ${timeoutMs / 1000} s: ${what}: ${(error as Error).message}`, { cause: error });
      await delay(POLL_MS);
    }
  }
}
