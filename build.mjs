// Builds the program into dist/: one file per module, unchanged outputs left alone, so that a build
// beside a running program disturbs nothing and a second build costs a fraction of a second.
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { build, stop } from 'esbuild';

const { outputFiles } = await build({
  // The bare loop is what benches measure against, in a process of its own.
  entryPoints: ['scripts/commerce.ts', 'scripts/bench/bare-loop.ts'],
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
  if (current?.equals(contents)) continue;
  await mkdir(dirname(path), { recursive: true });
  await writeFile(`${path}.${process.pid}`, contents);
  await rename(`${path}.${process.pid}`, path);
}

await stop();
