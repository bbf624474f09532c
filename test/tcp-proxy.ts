// A proxy before an engine that can cut it off like a broken network: open connections end, and new ones are refused. It can
// also freeze it, like a process that hangs: connections stay open and are accepted, but nobody answers.
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';

export interface TcpProxy {
  /** The engine's URL through the proxy. */
  url: string;
  cut(): Promise<void>;
  /** Connects again: to the same engine, or to another one, as after a failover. */
  mend(engineUrl?: string): Promise<void>;
  freeze(): void;
  thaw(): void;
}

export async function createTcpProxy(engineUrl: string): Promise<TcpProxy> {
  let engine = new URL(engineUrl);
  /** With the socket that each is forwarded to. */
  const sockets = new Map<Socket, Socket>();
  let isFrozen = false;
  let server: Server | undefined;
  let port = 0;

  function forward(client: Socket): void {
    const upstream = connect(Number(engine.port), engine.hostname);
    for (const [from, to] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      sockets.set(from, to);
      if (!isFrozen) from.pipe(to);
      from.on('error', () => {}); // a broken one is closed, too
      from.on('close', () => {
        sockets.delete(from);
        to.destroy();
      });
    }
  }

  async function mend(otherUrl?: string): Promise<void> {
    if (otherUrl !== undefined) engine = new URL(otherUrl);
    if (server) return;
    server = createServer(forward).listen(port, '127.0.0.1');
    await once(server, 'listening');
    port = (server.address() as AddressInfo).port;
  }

  async function cut(): Promise<void> {
    const closing = server;
    server = undefined;
    if (!closing) return;
    const closed = once(closing, 'close');
    closing.close();
    for (const socket of sockets.keys()) socket.destroy();
    await closed;
  }

  function freeze(): void {
    isFrozen = true;
    for (const socket of sockets.keys()) socket.unpipe().pause();
  }

  function thaw(): void {
    isFrozen = false;
    for (const [from, to] of sockets) from.pipe(to);
  }

  await mend();
  const url = new URL(engineUrl);
  url.host = `127.0.0.1:${port}`;
  return { url: url.href, cut, mend, freeze, thaw };
}
