// Starts a bare server that the product is compared with, in its own process, as the product has its own.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { type Client, createClient } from './client.js';

/** Message to the bench once the server is ready. */
export interface BareReady {
  url: string;
}

export interface BareServer {
  client: Client;
  stop(): Promise<void>;
}

/** Sends the order to the program, which the build puts beside this file. */
export async function startBare(program: 'bare-loop' | 'bare-reads', order: object): Promise<BareServer> {
  const child = fork(join(import.meta.dirname, `bench/${program}.js`), { execArgv: [] });
  child.send(order);
  const [ready] = (await once(child, 'message')) as [BareReady];
  const client = createClient(ready.url);
  return {
    client,
    async stop() {
      client.close();
      child.disconnect();
      await once(child, 'exit');
    },
  };
}
