// Builds the program into dist/: one file per module, unchanged outputs left alone, so that a build
// beside a running program disturbs nothing and a second build costs a fraction of a second.
import { mkdir, readdir, readFile, rename, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { build, stop } from 'esbuild';

/** What no build has made for so long is deleted; before, a program that runs may still load it. */
const KEEP_OLD_MS = 24 * 60 * 60_000;

const { outputFiles } = await build({
  // The bare servers are what benches measure against, each in a process of its own.
  entryPoints: ['scripts/commerce.ts', 'scripts/bench/bare-loop.ts', 'scripts/bench/bare-reads.ts'],
  outdir: 'dist',
  bundle: true,
  splitting: true,
  packages: 'external',
  platform: 'node',
  target: 'node20',
  format: 'esm',
  sourcemap: true,
  write: false,
});

for (const { path, contents } of outputFiles) {
  const current = await readFile(path).catch(() => undefined);
  if (current?.equals(contents)) {
    await utimes(path, new Date(), new Date());
    continue;
  }
  await mkdir(dirname(path), { recursive: true });
  await writeFile(`${path}.${process.pid}`, contents);
  await rename(`${path}.${process.pid}`, path);
}

const built = new Set(outputFiles.map(({ path }) => path));
for (const entry of await readdir('dist', { withFileTypes: true })) {
  const path = resolve('dist', entry.name);
  if (entry.isDirectory() || built.has(path)) continue;
  const age = Date.now() - (await stat(path).catch(() => undefined))?.mtimeMs; // NaN where another build was faster
  if (age > KEEP_OLD_MS) await rm(path, { force: true });
}

await stop();
