// The engines that only the profile `aws` has.

import type { Sink } from '../../../projections/runtime/sink.js';
import { ConfigError } from '../../config.js';
import type { EngineAddresses } from '../../engines/addresses.js';
import type { Probe } from '../../stores/marks.js';
import type { Parts, ReadModelServer } from '../parts.js';
import { addressOf, type Engine } from '../reachable.js';

const VARIABLES = { mongodbUrl: 'MONGODB_URL', opensearchUrl: 'OPENSEARCH_URL', redisUrl: 'REDIS_URL' } as const;

/** The address of an engine. Throws `ConfigError` if there is none. */
export function required(addresses: EngineAddresses, name: keyof typeof VARIABLES): string {
  const url = addresses[name];
  if (url !== undefined) return url;
  throw new ConfigError(
    `The profile aws needs MongoDB, OpenSearch and Redis: run \`npm run engines -- up\`, or set ${VARIABLES[name]}.`,
  );
}

/** The sink of a store that is admitted when it is opened. */
export function admitted(sink: Sink, server: ReadModelServer, admit: Parts['admit']): Sink {
  return {
    ...sink,
    async open(projections) {
      await admit(server);
      return sink.open(projections);
    },
  };
}

export function serverOf(name: string, url: string, ping: Probe): Engine {
  return { name, address: addressOf(url), serves: 'read models', ping, check: ping };
}
