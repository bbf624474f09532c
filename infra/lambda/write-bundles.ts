// `npm run bundle`: writes the bundles of the Lambda functions, and prints their sizes.
import { bundleFunctions } from './bundle.js';

for (const { name, bytes } of await bundleFunctions({ write: true }))
  console.log(`${name.padEnd(24)}${String(Math.ceil(bytes / 1000)).padStart(6)} kB`);
