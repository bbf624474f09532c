// Loaded before every mocha run: settings that no test should have to make, and the end of the engines that tests started.
import { stopEngines } from './engines.js';

process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED = 'true';
// The AWS clients want these even where nobody checks them.
process.env.AWS_REGION ??= 'us-east-1';
process.env.AWS_ACCESS_KEY_ID ??= 'test';
process.env.AWS_SECRET_ACCESS_KEY ??= 'test';

export const mochaGlobalTeardown = stopEngines;
