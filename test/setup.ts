// Loaded before every mocha run: quiets what is not ours, and at the end stops the engines that the tests brought up.
import { stopEngines } from './engines.js';

process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED = 'true';

export const mochaGlobalTeardown = stopEngines;
