// A small witness by C2SP tlog-witness (https://c2sp.org/tlog-witness), for tests. It keeps the last checkpoint of each log in memory.
import { generateKeyPairSync } from 'node:crypto';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { decimal, openCheckpoint, unverifiedCheckpoint } from '../infra/archive/checkpoint.js';
import { EMPTY_ROOT, verifyConsistency } from '../infra/archive/merkle-tree.js';
import { cosigner, fromBase64, InvalidNote, type NoteVerifier, unverifiedText } from '../infra/archive/signed-note.js';

export interface TestWitness {
  /** `<verifier key> <URL>`, as the configuration takes it. */
  address: string;
  verifierKey: string;
  /** The sizes of the checkpoints that it has cosigned. */
  cosigned: number[];
  /** Answers in place of the witness, once for each call. */
  intercept?: (response: ServerResponse) => void;
  stop(): Promise<void>;
}

/** A witness of these logs. */
export async function startWitness(logs: readonly NoteVerifier[], name = 'witness.example/w1'): Promise<TestWitness> {
  const { privateKey } = generateKeyPairSync('ed25519');
  const signer = cosigner(name, privateKey, Date.now);
  const latest = new Map<string, { size: number; root: Buffer }>();
  const cosigned: number[] = [];

  function answerTo(body: string): { status: number; type?: string; text?: string } {
    const end = body.indexOf('\n\n');
    const [first = '', ...lines] = body.slice(0, end).split('\n');
    const note = body.slice(end + 2);
    const old = decimal(first.replace(/^old /, ''));
    const proof = lines.map((line) => fromBase64(line));
    const { origin, size } = unverifiedCheckpoint(note);
    const log = logs.find((known) => known.name === origin);
    if (!log) return { status: 404 };
    let root: Buffer;
    try {
      root = openCheckpoint(note, log).root;
    } catch (error) {
      if (!(error instanceof InvalidNote)) throw error;
      return { status: 403 };
    }
    if (old === undefined || old > size || proof.includes(undefined) || proof.length > 63) return { status: 400 };
    const known = latest.get(origin) ?? { size: 0, root: EMPTY_ROOT };
    if (old !== known.size) return { status: 409, type: 'text/x.tlog.size', text: `${known.size}\n` };
    if (old === size && !root.equals(known.root)) return { status: 409 };
    if (!verifyConsistency({ from: known, to: { size, root }, proof: proof as Buffer[] })) return { status: 422 };
    latest.set(origin, { size, root });
    cosigned.push(size);
    return { status: 200, text: signer.sign(unverifiedText(note)) };
  }

  const witness: TestWitness = {
    address: '',
    verifierKey: signer.verifierKey,
    cosigned,
    async stop() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  const server = createServer(async (request, response) => {
    const { intercept } = witness;
    delete witness.intercept;
    if (intercept) return intercept(response);
    if (request.method !== 'POST' || request.url !== '/log/add-checkpoint') return response.writeHead(404).end();
    const { status, type = 'text/plain', text: answer = '' } = answerTo(await text(request));
    response.writeHead(status, { 'Content-Type': type }).end(answer);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  witness.address = `${signer.verifierKey} http://127.0.0.1:${(server.address() as AddressInfo).port}/log/`;
  return witness;
}
