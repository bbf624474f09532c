// Whether a shop uses AWS itself, where some commands do nothing.
import type { Config } from '../infra/config.js';
import { engineAddresses } from '../infra/engines/addresses.js';

const AMAZON = /(^|\.)amazonaws\.com(\.cn)?$/;

export function usesDynamo({ profile, eventStore }: Config): boolean {
  return profile === 'aws' || eventStore === 'dynamodb';
}

/** True if the shop has data in AWS, and not in an emulator. */
export async function usesRealAws(config: Config): Promise<boolean> {
  const { awsEndpoint } = await engineAddresses();
  return usesDynamo(config) && (awsEndpoint === undefined || AMAZON.test(new URL(awsEndpoint).hostname));
}
