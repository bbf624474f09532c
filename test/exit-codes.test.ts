// One rule for the exit codes of all commands: 1 if something that is named does not exist, 2 if the command line itself is wrong.
import { expect } from 'chai';
import { describeWith } from './engines.js';
import { someOf } from './every-case.js';
import { commerce, type Environment, endPrograms, PROFILES } from './running-shop.js';
import { the } from './the.js';

const EMBEDDED = the(PROFILES.find(({ name }) => name === 'embedded'));

const WHY = ['--reason', 'test'];
const OUTCOME = ['--operation', 'o', '--outcome', 'done', ...WHY];

/** What is named has the right shape, but does not exist. */
const UNKNOWN: readonly (readonly string[])[] = [
  ['rebuild', 'nothing'],
  ['rollback', 'nothing'],
  ['diff', 'nothing'],
  ['diff', 'stock', '--key', 'nothing'],
  ['pause', 'nothing', ...WHY],
  ['resume', 'nothing'],
  ['quarantine', 'retry', 'nothing'],
  ['quarantine', 'skip', 'nothing', ...WHY],
  ['payments', 'resolve', 'payment_0', ...OUTCOME],
  ['replay', 'order#0'],
  ['prove', 'order#0'],
  ['trace', 'nobody'],
  ['forget', 'customer_0'],
  ['staff', 'remove', 'staff_0'],
  ['verify', '/nowhere/at/all'],
];

/** The command line alone shows the mistake. */
const WRONG: readonly (readonly string[])[] = [
  ['rebuild'],
  ['replay', 'order'],
  ['prove', 'order'],
  ['replay', 'order#0', '--at', 'noon'],
  ['forget', 'Zoe'],
  ['staff', 'remove', 'Zoe'],
  ['pause', 'stock'],
  ['export', 'file', '--from', 'yesterday'],
  ['quarantine', 'retry'],
  ['diff', 'stock', '--nothing'],
];

describeWith('postgres', 'The exit code', function (engines) {
  this.timeout(600_000);
  let environment: Environment;
  before(async () => {
    environment = await EMBEDDED.freshEnvironment(engines);
    expect((await commerce(['status'], environment)).code).to.equal(0);
  });
  after(endPrograms);

  const rules = [
    [1, UNKNOWN, 'is 1 if something that is named does not exist'],
    [2, WRONG, 'is 2 if the command line itself is wrong'],
  ] as const;
  for (const [expected, lines, rule] of rules) {
    it(rule, async () => {
      const tried = someOf(lines);
      const codes: unknown[] = [];
      for (const args of tried) {
        const { code, stderr } = await commerce(args, environment);
        codes.push([args.join(' '), code]);
        expect(stderr.trim().split('\n'), stderr).to.have.length(1);
      }
      expect(codes).to.deep.equal(tried.map((args) => [args.join(' '), expected]));
    });
  }
});
