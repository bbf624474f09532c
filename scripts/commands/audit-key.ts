// `commerce audit-key`: prints the public key with which auditors and witnesses verify checkpoints, receipts and exports.
import { Command } from 'commander';
import { publicKeyText } from '../../infra/archive/audit-key.js';
import { openShop } from '../../infra/modules/open-shop.js';
import { type CommonOptions, configOfShop, withJson, withProfile } from '../options.js';

export function auditKeyCommand(): Command {
  return withJson(withProfile(new Command('audit-key')))
    .description('print the public key that verifies checkpoints, receipts and exports')
    .action(async (options: CommonOptions) => {
      const shop = await openShop(await configOfShop(options), { tell: console.error });
      try {
        const signer = await shop.get('auditSigner');
        const text = publicKeyText(signer);
        const [verifierKey, ...pem] = text.split('\n');
        if (options.json) console.log(JSON.stringify({ origin: signer.name, verifierKey, pem: pem.join('\n') }));
        else process.stdout.write(text);
      } finally {
        await shop.close();
      }
    });
}
