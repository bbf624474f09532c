// Loaded into each process of a mocha run: common settings, and the shutdown of engines that tests started.
import { config } from 'chai';
import { dropDatabases, endEnginesOnSignals, IS_WORKER, SIGNALS, stopEngines } from './engines.js';

// Unexpected output of a program is shown completely.
config.truncateThreshold = 0;

process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED = 'true';
// The AWS clients require these even if no engine checks them.
process.env.AWS_REGION ??= 'us-east-1';
process.env.AWS_ACCESS_KEY_ID ??= 'test';
process.env.AWS_SECRET_ACCESS_KEY ??= 'test';

// A worker ends with its programs. Mocha also sends a signal if the worker is slow to write its coverage at the end.
if (IS_WORKER) for (const signal of SIGNALS) process.on(signal, () => process.exit(1));

/** In a worker, after each file. */
export const mochaHooks = { afterAll: dropDatabases };

/** In the main process of a run. */
export const mochaGlobalSetup = endEnginesOnSignals;
export const mochaGlobalTeardown = stopEngines;
