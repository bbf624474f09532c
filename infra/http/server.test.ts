import { expect } from 'chai';
import { PortUnavailable, startServer } from './server.js';

describe('the server', () => {
  it('names a port that is in use', async () => {
    const first = await startServer((_req, res) => void res.end(), { port: 0 });
    try {
      const error = await startServer((_req, res) => void res.end(), { port: first.port }).catch((reason) => reason);
      expect(error).to.be.instanceOf(PortUnavailable);
      expect(error.message).to.contain(String(first.port)).and.to.contain('--port');
    } finally {
      await first.close();
    }
  });

  it('lets a running request end when it closes, and takes no new one', async () => {
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

  it('cuts off what does not end in time', async () => {
    let arrived = () => {};
    const asked = new Promise<void>((resolve) => (arrived = resolve));
    const server = await startServer(() => arrived(), { port: 0, drainMs: 20 });
    const response = fetch(server.url).catch(() => 'cut off');
    await asked;
    await server.close();
    expect(await response).to.equal('cut off');
  });
});
