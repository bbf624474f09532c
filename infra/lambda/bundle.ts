// Bundles each Lambda function into one file of its own: `npm run bundle` writes dist/lambda/<function>/index.mjs.
import { join } from 'node:path';
import { type BuildOptions, build, type Metafile, type Plugin } from 'esbuild';
import { FUNCTIONS, type FunctionName, type LambdaFunction } from './functions.js';

const FOLDER = 'dist/lambda';

export interface Bundle {
  name: FunctionName;
  bytes: number;
  /** The packages in it. */
  packages: readonly string[];
}

/** What the runtime has already, or what no function needs: credentials come from the environment of the function. */
const ALIAS = {
  '@aws-sdk/credential-provider-node': './infra/lambda/function-credentials.ts',
  // Express loads it for middleware that the API does not use.
  'body-parser': './infra/lambda/no-body-parser.ts',
};

/** Large data that no function uses: zod's messages in all languages but English, and the types of all files. */
const WITHOUT_DATA: Plugin = {
  name: 'without-data',
  setup({ onLoad }) {
    onLoad({ filter: /zod\/v4\/locales\/index\.js$/ }, () => ({
      contents: "export { default as en } from './en.js';",
    }));
    onLoad({ filter: /mime-db\/db\.json$/ }, () => ({ contents: '{}', loader: 'json' }));
  },
};

/** Without `write` nothing is written. */
export async function bundleFunctions({ write }: { write: boolean }): Promise<Bundle[]> {
  const functions = Object.entries<LambdaFunction>(FUNCTIONS);
  const options: BuildOptions = {
    entryPoints: functions.map(([name, { entry }]) => ({ in: entry, out: join(name, 'index') })),
    outdir: FOLDER,
    outExtension: { '.js': '.mjs' },
    bundle: true,
    minify: true,
    platform: 'node',
    target: 'node22',
    format: 'esm',
    // Some packages are CommonJS and require modules of Node.
    banner: {
      js: "import { createRequire as requireFrom } from 'node:module'; const require = requireFrom(import.meta.url);",
    },
    alias: ALIAS,
    plugins: [WITHOUT_DATA],
    metafile: true,
    write,
    logLevel: 'error',
  };
  const { metafile } = await build(options);
  return functions.map(([name]) => bundleOf(name as FunctionName, metafile as Metafile));
}

function bundleOf(name: FunctionName, { outputs }: Metafile): Bundle {
  const output = outputs[`${FOLDER}/${name}/index.mjs`];
  if (!output) throw new Error(`esbuild made no bundle of ${name}.`);
  // An input that contributes nothing was found and left out.
  const used = Object.entries(output.inputs).filter(([, { bytesInOutput }]) => bytesInOutput > 0);
  const packages = new Set(used.flatMap(([path]) => packageOf(path) ?? []));
  return { name, bytes: output.bytes, packages: [...packages].sort() };
}

function packageOf(path: string): string | undefined {
  return path.match(/.*node_modules\/((?:@[^/]+\/)?[^/]+)/)?.[1];
}
