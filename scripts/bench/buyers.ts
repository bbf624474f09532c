// A process of the bench of a hot SKU: environments that serve buyers, each one at a time.
import { type Environment, openEnvironment, openLog, type Rush, type Sale, serve } from './environment.js';

let environments: Environment[] = [];

process.on('message', async (message: Sale | Rush) => {
  if ('sku' in message) return process.send?.(await serve(environments, message));
  const { store } = openLog(message.log);
  environments = Array.from({ length: message.environments }, () => openEnvironment(store));
  process.send?.('ready');
});
process.on('disconnect', () => process.exit());
