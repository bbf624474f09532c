// `npm start` and `npm run commerce`: builds what changed and runs the program in this very process, so that signals reach it
// (the scripts say `exec` for the same reason).
import module from 'node:module';
import './build.mjs';

process.setSourceMapsEnabled(true);
module.enableCompileCache?.(new URL('dist/compiled', import.meta.url).pathname); // Node 22.8 or newer
await import('./dist/commerce.js');
