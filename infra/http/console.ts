// The files of the console, as they are in `read-api/console`, and the one library that they load.
import { readdirSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { extname, join } from 'node:path';
import { repositoryRoot } from '../engines/folders.js';
import type { Answer } from './answer.js';

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.svg': 'image/svg+xml',
};

/**
 * Nothing inline, nothing from elsewhere. Trusted Types make the browser refuse text that a script would parse as HTML, except for
 * the templates of lit-html, which are constants.
 */
const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
  "require-trusted-types-for 'script'",
  'trusted-types lit-html',
].join('; ');

const LIBRARY = 'lit-html.js';

/** Answers by path. */
export function consoleFiles(): Record<string, () => Promise<Answer>> {
  const root = repositoryRoot();
  const folder = join(root, 'read-api/console');
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter(
    (name) => extname(name) in TYPES && !name.includes('.test.'),
  );
  const answers = files.map((name) => [`/console/${name}`, fileAnswer(join(folder, name))] as const);
  return {
    ...Object.fromEntries(answers),
    '/console': fileAnswer(join(folder, 'index.html')),
    '/console/': async () => ({ status: 308, headers: { Location: '/console' }, body: '', seen: [] }),
    [`/console/${LIBRARY}`]: fileAnswer(join(root, 'node_modules/lit-html', LIBRARY)),
  };
}

function fileAnswer(path: string): () => Promise<Answer> {
  const headers = { 'Content-Type': TYPES[extname(path)] ?? '', 'Content-Security-Policy': POLICY };
  return async () => ({ status: 200, headers, body: await readFile(path, 'utf8'), seen: [] });
}
