// `npm run test:api [-- ROLE…]`: runs schemathesis against a running shop, as each role and without a token. Fails if the shop
// and its OpenAPI document differ. Prints one line per role, and the whole report of a role with findings.
import { spawn } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { join } from 'node:path';
import { CannotInstall, pythonPackages } from '../../infra/engines/installation.js';
import {
  callerAt,
  commerce,
  type Environment,
  endPrograms,
  freshFolder,
  type RunningShop,
  startShop,
} from '../running-shop.js';
import { the } from '../the.js';
import { furnish } from './world.js';

/** The version of hypothesis is fixed, too: another version makes other requests from the same seed. */
const VERSIONS = { schemathesis: '4.32.5', hypothesis: '6.170.17' };

const ROLES = ['public', 'customer', 'support', 'catalogue', 'ops', 'auditor'] as const;
type Role = (typeof ROLES)[number];
type Tokens = Record<Exclude<Role, 'public'>, string>;

/** Examples of each operation. The requests that test each rule of its schema are additional. */
const EXAMPLES = process.env.SCHEMATHESIS_EXAMPLES ?? '5';
const SEED = process.env.SCHEMATHESIS_SEED ?? String(randomInt(2 ** 31));

/** With 5 examples it takes a minute or two, with all roles in parallel. */
const LONGEST_RUN_MS = 10 * 60_000 + Number(EXAMPLES) * 20_000;

try {
  const python = join(await pythonPackages('schemathesis', 'schemathesis', VERSIONS), 'python');
  const environment = { COMMERCE_PROFILE: 'embedded', COMMERCE_DATA: await freshFolder() };
  const shop = await startShop(environment);
  const failed = await tryAs(chosenRoles(), shop, await tokensOf(environment), python);
  await shop.stop();
  if (failed.length > 0) {
    const again = `SCHEMATHESIS_EXAMPLES=${EXAMPLES} SCHEMATHESIS_SEED=${SEED} npm run test:api -- ${failed.join(' ')}`;
    console.error(`\nThere are findings as ${failed.join(', ')}. Again: ${again}`);
    process.exitCode = 1;
  }
} catch (error) {
  if (!(error instanceof CannotInstall) || process.env.REQUIRE_ENGINES === '1') throw error;
  console.error(`schemathesis: not available: ${error.message}; the API is not tried with it`);
} finally {
  await endPrograms();
}

function chosenRoles(): Role[] {
  const chosen = process.argv.slice(2);
  const unknown = chosen.filter((role) => !ROLES.some((known) => known === role));
  if (unknown.length > 0) throw new Error(`No role: ${unknown.join(', ')}; there are ${ROLES.join(', ')}.`);
  return ROLES.filter((role) => chosen.length === 0 || chosen.includes(role));
}

async function tokensOf(environment: Environment): Promise<Tokens> {
  const token = async (role: string) => (await commerce(['token', '--role', role], environment)).stdout.trim();
  return {
    customer: await token('customer'),
    support: await token('support'),
    catalogue: await token('catalogue'),
    ops: await token('ops'),
    auditor: await token('auditor'),
  };
}

/** Returns the roles with findings. */
async function tryAs(roles: Role[], { url }: RunningShop, tokens: Tokens, python: string): Promise<Role[]> {
  const support = callerAt(url, tokens.support);
  const things = await furnish(callerAt(url, tokens.customer), callerAt(url, tokens.catalogue), support);
  const { headers, body: document } = await support.get('/openapi.json');
  const env = {
    ...process.env,
    SCHEMATHESIS_SEED: SEED,
    CONSISTENCY_TOKEN: the(headers.get('consistency-token')),
    THINGS: JSON.stringify(things),
  };
  console.log(`schemathesis as ${roles.join(', ')}: ${EXAMPLES} examples of each operation, seed ${SEED}`);
  const failed = await Promise.all(
    roles.map(async (role) => {
      const args = [
        ...[
          '--config-file',
          join(import.meta.dirname, 'schemathesis.toml'),
          '--no-color',
          'run',
          `${url}/openapi.json`,
        ],
        ...['--max-examples', EXAMPLES, '--seed', SEED],
        ...(role === 'public' ? [] : ['--header', `Authorization: Bearer ${tokens[role]}`]),
        ...operationsFor(role, document).flatMap((id) => ['--include-operation-id', id]),
      ];
      const { code, output } = await run(python, ['-m', 'schemathesis.cli', ...args], env);
      const cases = /^ *(\d+ generated.*)$/m.exec(output)?.[1];
      const isPassed = code === 0 && cases !== undefined;
      console.log(isPassed ? `as ${role}: ${cases}` : `\n═══ As ${role}\n\n${output}`);
      return isPassed ? [] : [role];
    }),
  );
  return failed.flat();
}

interface Operation {
  operationId: string;
  description: string;
  responses: Record<string, { content?: Record<string, unknown> }>;
}

interface Document {
  paths: Record<string, Record<string, Operation>>;
}

function sendsEvents({ responses }: Operation): boolean {
  return responses[200]?.content?.['text/event-stream'] !== undefined;
}

/** The operations that the role may use. Every run also checks that none of them is allowed without a token. */
function operationsFor(role: Role, { paths }: Document): string[] {
  const operations = Object.values(paths).flatMap((item) => Object.values(item));
  const open = operations.filter(({ description }) => {
    const roles = /Roles: ([a-z, ]+)\./.exec(description)?.[1]?.split(', ');
    if (!roles) throw new Error(`No roles are named: ${description}`);
    return roles.includes(role);
  });
  // A stream of events lasts 20 s for each request. infra/http/watch.test.ts tests them.
  return open.filter((operation) => !sendsEvents(operation)).map(({ operationId }) => operationId);
}

async function run(program: string, args: string[], env: NodeJS.ProcessEnv) {
  const child = spawn(program, args, { env, stdio: ['ignore', 'pipe', 'pipe'], timeout: LONGEST_RUN_MS });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text) => (output += text));
  const end = () => child.kill();
  process.once('exit', end);
  const [code, signal]: (number | string | null)[] = await once(child, 'close');
  process.off('exit', end);
  if (signal) output += `\nEnded after ${LONGEST_RUN_MS / 1000} s by ${signal}.`;
  return { code, output };
}
