// The engines that a shop needs, and whether it uses AWS itself, where some commands do nothing.
import type { Config } from '../infra/config.js';
import { engineAddresses } from '../infra/engines/addresses.js';
import { ENGINES } from '../infra/engines/definitions.js';
import type { NeededEngine } from '../infra/event-store/definition.js';
import { EVENT_STORES } from '../infra/event-store/event-stores.js';

const AMAZON = /(^|\.)amazonaws\.com(\.cn)?$/;

/** The engines apart from Postgres. */
export function neededEngines({ profile, eventStore }: Config): readonly NeededEngine[] {
  const ofProfile: readonly NeededEngine[] = profile === 'aws' ? ENGINES : [];
  const ofLog = EVENT_STORES[eventStore].engines.filter(
    ({ name }) => !ofProfile.some((engine) => engine.name === name),
  );
  return [...ofLog, ...ofProfile];
}

/** True if the shop has data in AWS, and not in an emulator. */
export async function usesRealAws(config: Config): Promise<boolean> {
  const { awsEndpoint } = await engineAddresses();
  const usesAws = neededEngines(config).some(({ variable }) => variable === 'AWS_ENDPOINT_URL');
  return usesAws && (awsEndpoint === undefined || AMAZON.test(new URL(awsEndpoint).hostname));
}
