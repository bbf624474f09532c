// Builds the program into dist/: one file per module, unchanged outputs left alone, so that a build
// does not disturb a running program. If no input has changed, it only looks at the inputs.
import { mkdir, readdir, readFile, rename, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';

/** What no build has made for so long is deleted; before, a program that runs may still load it. */
const KEEP_OLD_MS = 24 * 60 * 60_000;

/** Packages of many files, which are bundled because Node takes long to find and load them one by one. */
const BUNDLED = ['express', 'inversify', 'jose', 'prom-client', 'reflect-metadata', 'zod', 'zod-openapi'];

/** npm writes this file at every installation, so it changes whenever packages change. */
const INSTALLED = 'node_modules/.package-lock.json';

/** The inputs of the last build, with their sizes and times, and its outputs, with their sizes. */
const RECORD = 'dist/build.json';

if (!(await isUpToDate())) await buildAll();

async function isUpToDate() {
  const { inputs, outputs } = await readFile(RECORD, 'utf8')
    .then(JSON.parse)
    .catch(() => ({}));
  if (!inputs || !outputs) return false;
  const [read, made] = await Promise.all([look(Object.keys(inputs)), look(Object.keys(outputs))]);
  if (!read.every(({ path, size, at }) => inputs[path] === `${size} ${at}`)) return false;
  if (!made.every(({ path, size }) => outputs[path] === size)) return false;
  await Promise.all([...Object.keys(outputs), RECORD].map(touch));
  return true;
}

async function buildAll() {
  const startedAt = Date.now();
  const { build, stop } = await import('esbuild');
  const { dependencies } = JSON.parse(await readFile('package.json', 'utf8'));
  const { outputFiles, metafile } = await build({
    // Some benches need processes of their own: bare servers to measure against, the buyers of a hot SKU, a rebuild.
    entryPoints: [
      'scripts/commerce.ts',
      'scripts/bench/bare-loop.ts',
      'scripts/bench/bare-reads.ts',
      'scripts/bench/buyers.ts',
      'scripts/bench/rebuild-once.ts',
    ],
    outdir: 'dist',
    bundle: true,
    splitting: true,
    external: Object.keys(dependencies).filter((name) => !BUNDLED.includes(name)),
    // Some of the packages are CommonJS and require modules of Node.
    banner: {
      js: "import { createRequire as requireFrom } from 'node:module'; const require = requireFrom(import.meta.url);",
    },
    platform: 'node',
    target: 'node20',
    format: 'esm',
    sourcemap: true,
    sourcesContent: false, // Node reads every map at the start
    write: false,
    metafile: true,
  });
  const sources = Object.keys(metafile.inputs).filter((path) => !path.startsWith('node_modules/'));
  const files = ['build.mjs', 'package.json', INSTALLED, 'tsconfig.json', ...sources];
  const inputs = await look(files);
  for (const { path, contents } of outputFiles) await write(path, contents);
  const outputs = outputFiles.map(({ path, contents }) => [path, contents.length]);
  await removeOld(new Set([...outputs.map(([path]) => path), resolve(RECORD)]));
  // An input that changed during the build may have been read before the change. The next start then builds again.
  if (inputs.every(({ at }) => at < startedAt)) {
    const stamps = inputs.map(({ path, size, at }) => [path, `${size} ${at}`]);
    const record = { inputs: Object.fromEntries(stamps), outputs: Object.fromEntries(outputs) };
    await write(RECORD, Buffer.from(JSON.stringify(record)));
  }
  await stop();
}

function look(paths) {
  return Promise.all(
    paths.map(async (path) => {
      const { size, mtimeMs } = await stat(path).catch(() => ({}));
      return { path, size, at: mtimeMs };
    }),
  );
}

function touch(path) {
  return utimes(path, new Date(), new Date());
}

async function write(path, contents) {
  const current = await readFile(path).catch(() => undefined);
  if (current?.equals(contents)) return touch(path);
  await mkdir(dirname(path), { recursive: true });
  await writeFile(`${path}.${process.pid}`, contents);
  await rename(`${path}.${process.pid}`, path);
}

async function removeOld(built) {
  for (const entry of await readdir('dist', { withFileTypes: true })) {
    const path = resolve('dist', entry.name);
    if (entry.isDirectory() || built.has(path)) continue;
    const age = Date.now() - (await stat(path).catch(() => undefined))?.mtimeMs; // NaN if another build has deleted it
    if (age > KEEP_OLD_MS) await rm(path, { force: true });
  }
}
