// HTTP callers with persistent connections, as thin as Node allows. Their cost is the same for every side.
import { Agent, type IncomingHttpHeaders, request } from 'node:http';

export interface Asked {
  method: 'GET' | 'POST' | 'PUT';
  path: string;
  token?: string | undefined;
  body?: unknown;
  headers?: Record<string, string>;
}

export interface Answered {
  status: number;
  headers: IncomingHttpHeaders;
  text: string;
}

export interface Client {
  send(asked: Asked): Promise<Answered>;
  /** The body of the answer, which must have this status; throws otherwise. */
  expect(status: number, asked: Asked): Promise<string>;
  close(): void;
}

export function createClient(url: string): Client {
  const { hostname, port } = new URL(url);
  const agent = new Agent({ keepAlive: true });

  function send({ method, path, token, body, headers }: Asked): Promise<Answered> {
    const content = body === undefined ? undefined : JSON.stringify(body);
    return new Promise((resolve, reject) => {
      const sent = request({
        agent,
        hostname,
        port,
        method,
        path,
        headers: {
          ...(token && { Authorization: `Bearer ${token}` }),
          ...(content && { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(content) }),
          ...headers,
        },
      });
      sent.once('error', reject).once('response', (response) => {
        let text = '';
        response
          .setEncoding('utf8')
          .on('data', (part: string) => {
            text += part;
          })
          .once('error', reject)
          .once('end', () => resolve({ status: response.statusCode!, headers: response.headers, text }));
      });
      sent.end(content);
    });
  }

  return { send, expect: expecting(send), close: () => agent.destroy() };
}

export function expecting(send: Client['send']): Client['expect'] {
  return async (status, asked) => {
    const answered = await send(asked);
    if (answered.status === status) return answered.text;
    throw new Error(`${asked.method} ${asked.path} got the answer ${answered.status}: ${answered.text}`);
  };
}
