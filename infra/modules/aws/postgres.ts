// The sink of the read models that the profile `aws` has in Postgres.
import type { Sink } from '../../../projections/runtime/sink.js';
import { createPostgresSink } from '../../sinks/postgres.js';
import type { Parts, PostgresServer } from '../parts.js';
import { admitted } from './servers.js';

export function relationalSink(server: PostgresServer, admit: Parts['admit']): Sink {
  return admitted(createPostgresSink(server.pool), server, admit);
}
