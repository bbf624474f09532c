// `npm start` and `npm run commerce`: builds what changed and runs the program in this very process, so that signals reach it
// (the scripts say `exec` for the same reason).
import './build.mjs';

process.setSourceMapsEnabled(true);
await import('./dist/commerce.js');
