import { Code } from 'aws-cdk-lib/aws-lambda';
import { allEndpoints } from '../modules/all-endpoints.js';
import { createApp } from './app.js';
import { STAGES } from './stages.js';
console.time('all');
const app = createApp({ stages: STAGES, endpoints: await allEndpoints(), codeOf: () => Code.fromInline('exports.handler = 0') });
console.timeLog('all');
try { const a = app.synth(); for (const s of a.stacks) console.log(s.stackName, Object.keys(s.template.Resources).length, JSON.stringify(s.template).length); } catch (e) { console.log((e as Error).message.slice(0, 30000)); }
console.timeEnd('all');
