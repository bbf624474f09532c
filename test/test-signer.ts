// The key of a test log, the same in all processes.
import { createPrivateKey } from 'node:crypto';
import { type NoteSigner, noteSigner } from '../infra/archive/signed-note.js';

export function testSigner(): NoteSigner {
  const der = Buffer.from(`302e020100300506032b657004220420${'07'.repeat(32)}`, 'hex');
  return noteSigner('commerce-core/test', createPrivateKey({ key: der, format: 'der', type: 'pkcs8' }));
}
