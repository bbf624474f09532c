import { once } from 'node:events';
import type { RequestListener } from 'node:http';
import { connect, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { expect } from 'chai';
import { the } from '../../test/the.js';
import { parseRanges } from './addresses.js';
import { PortUnavailable, type RunningServer, type ServerOptions, startServer } from './server.js';

/** More than the operating system buffers for a client that does not read. */
const LARGE_ANSWER = Buffer.alloc(32 * 1024 * 1024, 'x');

describe('the server', () => {
  it('reports a port that is in use', async () => {
    const first = await startServer((_req, res) => void res.end(), { port: 0 });
    try {
      const error = await startServer((_req, res) => void res.end(), { port: first.port }).catch((reason) => reason);
      expect(error).to.be.instanceOf(PortUnavailable);
      expect(error.message).to.contain(String(first.port)).and.to.contain('--port');
    } finally {
      await first.close();
    }
  });

  it('lets a running request end when it closes, and accepts no new one', async () => {
    let answer = () => {};
    const asked = new Promise<void>((arrived) => {
      void startServer(
        (_req, res) => {
          answer = () => void res.end('done');
          arrived();
        },
        { port: 0 },
      )
        .then((started) => (server = started))
        .then(() => (response = fetch(server.url)));
    });
    let server!: Awaited<ReturnType<typeof startServer>>;
    let response!: Promise<Response>;
    await asked;
    const closed = server.close();
    expect(await fetch(server.url).catch(() => 'refused')).to.equal('refused');
    answer();
    expect(await (await response).text()).to.equal('done');
    await closed;
  });

  it('cuts off requests that do not end in time', async () => {
    let arrived = () => {};
    const asked = new Promise<void>((resolve) => (arrived = resolve));
    const server = await startServer(() => arrived(), { port: 0, limits: { drain: 20 } });
    const response = fetch(server.url).catch(() => 'cut off');
    await asked;
    await server.close();
    expect(await response).to.equal('cut off');
  });

  describe('cuts off', () => {
    const limits = { headers: 100, request: 200, answer: 100, answerBytesPerS: 1e9, checkEvery: 20 };
    /** Extra time for a busy machine. */
    const IN_TIME_MS = 5_000;
    let server: RunningServer;
    const sockets: Socket[] = [];
    let requests = 0;

    const start = async (app: RequestListener, options: Partial<ServerOptions> = {}) => {
      requests = 0;
      const counting: RequestListener = (req, res) => {
        requests++;
        app(req, res);
      };
      server = await startServer(counting, { port: 0, ...options, limits: { ...limits, ...options.limits } });
    };
    const open = async (sent = '') => {
      const socket = connect({ port: server.port, host: '127.0.0.1', allowHalfOpen: true });
      socket.on('error', () => {});
      sockets.push(socket);
      await once(socket, 'connect');
      socket.write(sent);
      return socket;
    };
    /** The server's output until it closed the connection. */
    const answerOn = async (socket: Socket) => {
      let answer = '';
      socket.on('data', (data) => (answer += data));
      await gone(socket);
      return answer;
    };
    /** A client that never closes its side notices the end when a write fails. */
    const gone = async (socket: Socket) => {
      const deadline = Date.now() + IN_TIME_MS;
      while (!socket.destroyed) {
        if (Date.now() > deadline) expect.fail('the connection is still open');
        await delay(10);
        if (socket.writable) socket.write('x');
      }
    };
    const echo: RequestListener = (req, res) => {
      req.resume().on('end', () => res.end('done'));
    };

    afterEach(async () => {
      for (const socket of sockets.splice(0)) socket.destroy();
      await server.close();
    });

    it('clients that send nothing, and clients that send headers too slowly', async () => {
      await start(echo);
      const silent = open();
      const dripping = open('GET / HTTP/1.1\r\nhost: x\r\nx: ');
      expect(await answerOn(await dripping))
        .to.match(/^HTTP\/1.1 408 Request Timeout\r\n/)
        .and.include('request_timeout');
      await gone(await silent);
      expect(requests).to.equal(0);
    });

    it('clients that send a body too slowly, chunked or by length', async () => {
      await start(echo);
      for (const header of ['content-length: 1000', 'transfer-encoding: chunked']) {
        const socket = await open(`POST / HTTP/1.1\r\nhost: x\r\n${header}\r\n\r\n`);
        const drip = setInterval(() => socket.write(header.includes('chunked') ? '1\r\nx\r\n' : 'x'), 20);
        let answer = '';
        socket.on('data', (data) => (answer += data));
        const deadline = Date.now() + IN_TIME_MS;
        while (!socket.destroyed && Date.now() < deadline) await delay(10);
        clearInterval(drip);
        expect(socket.destroyed, header).to.equal(true);
        expect(answer, header).to.match(/^HTTP\/1.1 408 /);
      }
    });

    it('clients that do not read one answer, or many in a row', async () => {
      await start((_req, res) => res.end(LARGE_ANSWER));
      const asks = 'GET / HTTP/1.1\r\nhost: x\r\n\r\n';
      for (const sent of [asks, asks.repeat(3)]) await gone((await open(sent)).pause());
    });

    it('clients that read an answer byte by byte while they send more', async () => {
      await start((_req, res) => res.end(LARGE_ANSWER));
      const socket = await open('GET / HTTP/1.1\r\nhost: x\r\n\r\n');
      socket.pause();
      const sip = setInterval(() => socket.read(1), 10);
      await gone(socket);
      clearInterval(sip);
    });

    it('no client that reads slowly but fast enough', async () => {
      await start((_req, res) => res.end(LARGE_ANSWER), { limits: { answer: 200, answerBytesPerS: 1024 * 1024 } });
      const socket = await open('GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n');
      let taken = 0;
      socket.on('data', (data) => {
        taken += data.length;
        socket.pause();
        setTimeout(() => socket.resume(), 1);
      });
      await once(socket, 'end');
      expect(taken).to.be.greaterThan(LARGE_ANSWER.length);
    });

    it('no client whose answer takes long', async () => {
      await start((_req, res) => void delay(500).then(() => res.end('done')));
      expect(await (await fetch(server.url)).text()).to.equal('done');
    });

    it('clients that send invalid HTTP and stay connected', async () => {
      await start(echo);
      expect(await answerOn(await open('nonsense\r\n\r\n'))).to.match(/^HTTP\/1.1 400 /);
    });

    it('clients that have closed their half, once they have the answer', async () => {
      await start(echo);
      const socket = await open('POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\nab');
      socket.end();
      let answer = '';
      socket.on('data', (data) => (answer += data));
      await once(socket, 'close');
      expect(answer).to.satisfy((text: string) => text === '' || text.endsWith('done'));
    });

    it('connections above the limits, overall and of one address, until others close', async () => {
      const isRefused = async (socket: Socket) => {
        const ended = Promise.race([once(socket, 'end'), once(socket, 'close')]).then(() => true);
        return await Promise.race([ended, delay(200).then(() => false)]);
      };
      for (const limit of [{ connections: 3 }, { connectionsPerAddress: 3 }]) {
        await start(echo, { limits: { headers: 60_000, request: 60_000, ...limit } });
        const three = await Promise.all([open(), open(), open()]);
        expect(await isRefused((await open()).resume())).to.equal(true);
        expect((await fetch(server.url).catch(() => undefined))?.status).to.equal(undefined);
        for (const socket of three) socket.destroy();
        await delay(50);
        expect((await fetch(server.url)).status).to.equal(200);
        await server.close();
      }
      const trustedProxies = the(parseRanges(['127.0.0.0/8']));
      await start(echo, { trustedProxies, limits: { headers: 60_000, request: 60_000, connectionsPerAddress: 1 } });
      await open();
      expect(await isRefused((await open()).resume())).to.equal(false);
    });
  });
});
