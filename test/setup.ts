// Loaded into each process of a mocha run: settings that no test should have to make, and the end of the engines that tests started.
import { config } from 'chai';
import { dropDatabases, endEnginesOnSignals, IS_WORKER, SIGNALS, stopEngines } from './engines.js';

// What a program printed is shown whole where it is not as expected.
config.truncateThreshold = 0;

process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED = 'true';
// The AWS clients want these even where nobody checks them.
process.env.AWS_REGION ??= 'us-east-1';
process.env.AWS_ACCESS_KEY_ID ??= 'test';
process.env.AWS_SECRET_ACCESS_KEY ??= 'test';

// A worker takes its programs with it. Mocha sends it a signal, too, if it is slow to write its coverage at its end.
if (IS_WORKER) for (const signal of SIGNALS) process.on(signal, () => process.exit(1));

/** In a worker, after each file. */
export const mochaHooks = { afterAll: dropDatabases };

/** Of the main process of a run. */
export const mochaGlobalSetup = endEnginesOnSignals;
export const mochaGlobalTeardown = stopEngines;
