import { randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { expect } from 'chai';
import pino from 'pino';
import { Registry } from 'prom-client';
import { z } from 'zod';
import { endpoint } from '../../domain/kernel/endpoint.js';
import { Problem } from '../../domain/kernel/errors.js';
import { createMemoryIdempotency } from '../../test/memory-idempotency.js';
import { eventually } from '../../test/running-shop.js';
import { the } from '../../test/the.js';
import { unlimited } from '../../test/unlimited.js';
import { createSeals } from '../crypto/seals.js';
import { createApi } from './api.js';
import { MAX_WATCHED_PER_CALLER, WATCH_EVERY_MS } from './limits.js';
import { type RunningServer, startServer } from './server.js';

/** A thing with a version. Asked without one, there is nothing. */
let thing: { version: number } | undefined;
let asked = 0;

const watched = endpoint({
  method: 'get',
  path: '/v1/things/watched',
  summary: 'Watch a thing',
  roles: ['public'],
  answers: { 200: z.strictObject({ version: z.int() }).meta({ id: 'Thing' }) },
  isWatched: true,
  async handle() {
    asked++;
    if (!thing) throw new Problem('not_found', 'There is no thing.');
    return { status: 200, body: { ...thing }, version: thing.version };
  },
});

describe('A watched answer', function () {
  this.timeout(10_000);
  const servers = new Set<RunningServer>();

  async function serve(isBuffered = false): Promise<RunningServer> {
    const app = createApi({
      endpoints: [watched],
      admission: unlimited(async () => undefined),
      idempotency: createMemoryIdempotency(),
      seals: createSeals(randomBytes(32)),
      pages: {},
      isBuffered,
      registry: new Registry(),
      clock: Date.now,
      log: pino({ level: 'silent' }),
    });
    const server = await startServer(app, { port: 0, limits: { drain: 2 * WATCH_EVERY_MS } });
    servers.add(server);
    return server;
  }

  async function watch(server: RunningServer, headers: Record<string, string> = {}, method = 'GET') {
    const going = new AbortController();
    const answer = await fetch(`${server.url}/v1/things/watched`, { method, headers, signal: going.signal });
    let text = '';
    const ended = (async () => {
      for await (const part of answer.body ?? []) text += Buffer.from(part).toString();
    })();
    ended.catch(() => {});
    return { answer, ended, leave: () => going.abort(), text: () => text, events: () => eventsIn(text) };
  }

  beforeEach(() => {
    thing = { version: 1 };
    asked = 0;
  });
  after(async () => {
    for (const server of servers) await server.close();
  });

  it('is sent at once and after each change, and not again while it stays the same', async () => {
    const { answer, events, leave } = await watch(await serve());
    expect(answer.headers.get('content-type')).to.equal('text/event-stream; charset=utf-8');
    expect(answer.headers.get('cache-control')).to.equal('no-store');
    await eventually('it is sent', () => expect(events()).to.have.length(1));
    thing = { version: 2 };
    await eventually('it is sent again', () => expect(events()).to.have.length(2));
    await delay(2.5 * WATCH_EVERY_MS);
    expect(events().map(({ data }) => data)).to.deep.equal([{ version: 1 }, { version: 2 }]);
    leave();
  });

  it('is not sent to a client that has it, in whatever process', async () => {
    const first = await watch(await serve());
    await eventually('it is sent', () => expect(first.events()).to.have.length(1));
    first.leave();
    const { id } = the(first.events()[0]);
    const second = await watch(await serve(), { 'Last-Event-ID': id });
    await eventually('it is compared', () => expect(second.text()).to.include('\n:\n'));
    expect(second.events()).to.deep.equal([]);
    thing = { version: 2 };
    await eventually('it is sent', () => expect(second.events()).to.have.length(1));
    second.leave();
  });

  it('is a problem if there is nothing to watch', async () => {
    thing = undefined;
    const { answer, ended, text } = await watch(await serve());
    await ended;
    expect([answer.status, JSON.parse(text()).code]).to.deep.equal([404, 'not_found']);
  });

  it('is refused to a caller who watches too much already, until a stream ends', async () => {
    const server = await serve();
    const open = [];
    for (let n = 0; n < MAX_WATCHED_PER_CALLER; n++) open.push(await watch(server));
    const { answer, ended, text } = await watch(server);
    await ended;
    expect([answer.status, JSON.parse(text()).code]).to.deep.equal([429, 'rate_limited']);
    the(open[0]).leave();
    await eventually('another one is accepted', async () => {
      const another = await watch(server);
      open.push(another);
      expect(another.answer.status).to.equal(200);
    });
    for (const { leave } of open) leave();
  });

  it('ends at once where nothing is sent before the end', async () => {
    const { ended, events } = await watch(await serve(true));
    await ended;
    expect(events()).to.have.length(1);
  });

  it('ends when the server closes, long before the time is over', async () => {
    const server = await serve();
    const { ended } = await watch(server);
    servers.delete(server);
    await server.close();
    await ended;
  });

  it('is not made again once the client has gone, or for HEAD', async () => {
    const server = await serve();
    const { events, leave } = await watch(server);
    await eventually('it is sent', () => expect(events()).to.have.length(1));
    leave();
    await watch(server, {}, 'HEAD');
    await delay(1.5 * WATCH_EVERY_MS);
    const before = asked;
    await delay(2 * WATCH_EVERY_MS);
    expect(asked).to.equal(before);
  });
});

function eventsIn(text: string): { id: string; data: unknown }[] {
  return [...text.matchAll(/id: (.*)\ndata: (.*)\n\n/g)].map(([, id, data]) => ({
    id: the(id),
    data: JSON.parse(the(data)),
  }));
}
