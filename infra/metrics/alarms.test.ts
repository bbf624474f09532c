// Compares the alarms with the metrics that the product exports, and with the runbook.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { Registry } from 'prom-client';
import { the } from '../../test/the.js';
import { createArchiveStatus } from '../modules/archive.js';
import { webhookEvents } from '../modules/payment-endpoints.js';
import { paymentDifferences } from '../modules/payments.js';
import { projectionMetrics } from '../modules/projection-metrics.js';
import { createTamperAlarm } from '../modules/tamper-alarm.js';
import { ALARMS } from './alarms.js';
import { countConflicts } from './append-conflicts.js';
import { EMF_DIMENSIONS, EMF_NAMESPACE } from './emf.js';

const ROOT = join(import.meta.dirname, '../..');
const read = (path: string) => readFileSync(join(ROOT, path), 'utf8');

describe('The alarms', () => {
  it('watch metrics that the product exports, by dimensions that it has', () => {
    const registry = new Registry();
    const silent = { error: () => {} } as never;
    projectionMetrics(registry, () => 0);
    countConflicts({} as never, registry);
    createTamperAlarm(registry, silent);
    createArchiveStatus(registry);
    paymentDifferences(registry);
    webhookEvents(registry);
    const own = ALARMS.filter(({ watches }) => watches === 'shop');
    expect(own).to.have.length.above(5);
    for (const { metric } of own) {
      expect(metric.namespace).to.equal(EMF_NAMESPACE);
      const exported = registry.getSingleMetric(metric.name) as unknown as { labelNames: readonly string[] };
      expect(exported, metric.name).to.be.an('object');
      const dimensions = Object.keys(metric.dimensions ?? {});
      expect(exported.labelNames, metric.name).to.include.members(dimensions);
      expect(EMF_DIMENSIONS).to.include.members(dimensions);
    }
    for (const { watches, metric } of ALARMS) if (watches !== 'shop') expect(metric.namespace).to.match(/^AWS\//);
  });

  it('have names of their own, and enough periods', () => {
    expect(new Set(ALARMS.map(({ id }) => id)).size).to.equal(ALARMS.length);
    for (const { id, periods, periodS } of ALARMS) {
      expect(periods.breaching, id).to.be.within(1, periods.of);
      expect(periodS % 60, id).to.equal(0);
    }
  });

  it('each have an entry in the runbook that says what it means, what to look at, what to do and when it is over', () => {
    const entries = entriesOf(read('docs/runbook.md'));
    expect([...entries.keys()]).to.have.members(ALARMS.map(({ id }) => id));
    for (const { id, title, runbook } of ALARMS) {
      expect(runbook).to.equal(`docs/runbook.md#${id}`);
      const entry = the(entries.get(id));
      expect(entry, id).to.match(new RegExp(`^\\*\\*${title}\\.\\*\\*`, 'i'));
      for (const part of ['- **Look at** ', '- **Do** ', '- **Over** when ']) expect(entry, id).to.include(part);
    }
  });

  it('send people to commands that exist, with their options, and to log lines and metrics that the product writes', () => {
    const runbook = read('docs/runbook.md').replace(/\s+/g, ' ');
    const commands = [...runbook.matchAll(/`commerce ([^`]+)`/g)].map(([, command]) => the(command));
    expect(commands.length).to.be.above(20);
    const table = read('docs/commands.md').replaceAll('\\|', '|');
    for (const command of commands) {
      const [name = '', ...words] = command.split(' ');
      const row = table.split('\n').find((line) => new RegExp(`^\\| .*\`${name}[ \`]`).test(line)) ?? '';
      expect(row, command).to.match(/./);
      for (const word of words) if (!/^[A-Z]+$/.test(word)) expect(row, command).to.include(word);
    }
    const metrics = [...runbook.matchAll(/`((?:commerce|http)_\w+)`/g)].map(([, name]) => the(name));
    const code = sources().join('\n');
    for (const name of metrics) if (!name.endsWith('_')) expect(code.includes(name), name).to.equal(true);
    for (const line of [
      'a request failed because an engine is away',
      'a request failed with an internal error',
      'THE LOG WAS TAMPERED WITH',
      'the stream cannot be archived',
      'a payment event contradicts the ledger',
    ]) {
      expect(runbook).to.include(line);
      expect(code.includes(line), line).to.equal(true);
    }
  });
});

/** What `infra/` is made of, without its tests. */
function sources(): string[] {
  const files = readdirSync(join(ROOT, 'infra'), { recursive: true, encoding: 'utf8' });
  const isSource = (file: string) => /^(?!aws\/|metrics\/).*(?<!\.test)\.ts$/.test(file);
  return files.filter(isSource).map((file) => read(join('infra', file)));
}

/** By heading. */
function entriesOf(page: string): Map<string, string> {
  const [, ...sections] = page.split(/^## /m);
  return new Map(sections.map((section) => [the(section.split('\n')[0]), section.slice(section.indexOf('\n')).trim()]));
}
