// The files of the console, as they are in `read-api/console`, and the one library that they load.
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { repositoryRoot } from '../engines/folders.js';
import type { Answer } from './answer.js';
import { fileAnswer, isServed, policyOf } from './files.js';

/** Trusted Types make the browser refuse text that a script would parse as HTML, except for the templates of lit-html. */
const POLICY = policyOf("img-src 'self'", "require-trusted-types-for 'script'", 'trusted-types lit-html');

const LIBRARY = 'lit-html.js';

/** Answers by path. */
export function consoleFiles(): Record<string, () => Promise<Answer>> {
  const root = repositoryRoot();
  const folder = join(root, 'read-api/console');
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter(
    (name) => isServed(name) && !name.includes('.test.'),
  );
  const answers = files.map((name) => [`/console/${name}`, fileAnswer(join(folder, name), POLICY)] as const);
  return {
    ...Object.fromEntries(answers),
    '/console': fileAnswer(join(folder, 'index.html'), POLICY),
    '/console/': async () => ({ status: 308, headers: { Location: '/console' }, body: '', seen: [] }),
    [`/console/${LIBRARY}`]: fileAnswer(join(root, 'node_modules/lit-html', LIBRARY), POLICY),
  };
}
