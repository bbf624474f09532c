import { mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { the } from '../../test/the.js';
import { createFolderMailer } from './folder-mailer.js';
import { createInBackground } from './in-background.js';
import { createSmtpMailer } from './smtp-mailer.js';

const FROM = 'shop@example.com';
const MAIL = {
  customerId: 'customer_ada',
  to: 'ada@example.com',
  subject: 'Hello',
  text: `Confirm:\n\n/v1/email-verifications/${'0'.repeat(26)}.${'a'.repeat(22)}\n`,
};

describe('Mails in a folder', () => {
  let data: string;
  let folder: string;
  before(async () => {
    data = await mkdtemp(join(tmpdir(), 'commerce-mail-'));
    folder = join(data, 'mail');
  });
  after(() => rm(data, { recursive: true }));

  it('are files that only the owner reads, with the link in one line', async () => {
    const mailer = createFolderMailer({ folder, from: FROM, clock: Date.now });
    await mailer.forget('customer_ada'); // there is no folder yet
    await mailer.send(MAIL);
    const [name] = await readdir(folder);
    expect((await stat(join(folder, the(name)))).mode & 0o777).to.equal(0o600);
    const text = await readFile(join(folder, the(name)), 'utf8');
    for (const line of [`From: ${FROM}`, 'To: ada@example.com', 'Subject: Hello', 'Auto-Submitted: auto-generated']) {
      expect(text).to.include(`${line}\r\n`);
    }
    expect(text).to.include(`\r\n/v1/email-verifications/${'0'.repeat(26)}.${'a'.repeat(22)}\r\n`);
  });

  it('are deleted with their customer, and nobody else’s', async () => {
    const mailer = createFolderMailer({ folder, from: FROM, clock: Date.now });
    await mailer.send(MAIL);
    await mailer.send({ ...MAIL, customerId: 'customer_not-customer_ada2' });
    await mailer.forget('customer_ada');
    const left = await readdir(folder);
    expect(left).to.have.length(1);
    expect(the(left[0])).to.match(/-customer_not-customer_ada2\.eml$/);
  });
});

describe('Mails by SMTP', () => {
  let server: Server;
  let received: string;
  let refuses: boolean;

  /** As much of RFC 5321 as a client needs for one mail. */
  function converse(socket: Socket): void {
    let isData = false;
    socket.write('220 test\r\n');
    socket.setEncoding('utf8').on('data', (text: string) => {
      received += text;
      if (isData) {
        if (!received.endsWith('\r\n.\r\n')) return;
        isData = false;
        socket.write('250 taken\r\n');
      } else if (text.startsWith('DATA')) {
        isData = true;
        socket.write('354 go on\r\n');
      } else if (text.startsWith('RCPT') && refuses) socket.write('550 no such user ada@example.com\r\n');
      else if (text.startsWith('QUIT')) socket.end('221 bye\r\n');
      else socket.write('250 ok\r\n');
    });
  }

  beforeEach(async () => {
    received = '';
    refuses = false;
    server = createServer(converse);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  });
  afterEach(() => new Promise((resolve) => server.close(resolve)));

  const mailer = () =>
    createSmtpMailer({ url: `smtp://127.0.0.1:${(server.address() as AddressInfo).port}`, from: FROM });

  it('are handed to the server', async () => {
    await mailer().send(MAIL);
    expect(received).to.include('RCPT TO:<ada@example.com>').and.to.include('Subject: Hello');
  });

  it('that the server does not take fail, without the address in the message', async () => {
    refuses = true;
    const error = await mailer()
      .send(MAIL)
      .catch((caught: Error) => caught);
    expect(error).to.be.instanceOf(Error);
    expect(String(error)).to.include('550').and.not.include('ada@');
    expect((error as Error).cause).to.equal(undefined);
  });
});

describe('Work in the background', () => {
  it('is waited for at the end, and its failure is told', async () => {
    const told: string[] = [];
    const { start, settled } = createInBackground({ onFailed: (name, error) => told.push(`${name}: ${error}`) });
    let isDone = false;
    start('good', async () => {
      await new Promise((resolve) => setTimeout(resolve, 20));
      isDone = true;
    });
    start('bad', async () => {
      throw new Error('it broke');
    });
    await settled();
    expect(isDone).to.equal(true);
    expect(told).to.deep.equal(['bad: Error: it broke']);
  });
});
