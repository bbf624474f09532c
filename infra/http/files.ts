// Files that browsers load: pages of this repository, and the libraries that they use, from our own origin.
import { readFile } from 'node:fs/promises';
import { extname } from 'node:path';
import type { Answer } from './answer.js';

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.svg': 'image/svg+xml',
};

/** True for files that browsers can be given. */
export function isServed(name: string): boolean {
  return extname(name) in TYPES;
}

/** Nothing inline, nothing from elsewhere, and no page around it. More rules may follow. */
export function policyOf(...rules: readonly string[]): string {
  return [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "connect-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
    ...rules,
  ].join('; ');
}

export function fileAnswer(path: string, policy: string): () => Promise<Answer> {
  const headers = { 'Content-Type': TYPES[extname(path)] ?? '', 'Content-Security-Policy': policy };
  return async () => ({ status: 200, headers, body: await readFile(path, 'utf8'), seen: [] });
}
