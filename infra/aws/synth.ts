// What the CDK runs: all stages, with the bundles of the functions that `npm run bundle` has made.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { Code } from 'aws-cdk-lib/aws-lambda';
import { allEndpoints } from '../modules/all-endpoints.js';
import { createApp } from './app.js';
import { STAGES } from './stages.js';

const BUNDLES = join(import.meta.dirname, '../../dist/lambda');

createApp({
  stages: STAGES,
  endpoints: await allEndpoints(),
  codeOf(name) {
    const bundle = join(BUNDLES, name);
    if (!existsSync(bundle)) throw new Error(`There is no bundle of ${name}: run npm run bundle.`);
    return Code.fromAsset(bundle);
  },
}).synth();
