// Compares the documentation with the code: limits, events, dependencies, commands and links.
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { runInNewContext } from 'node:vm';
import { expect } from 'chai';
import { z } from 'zod';
import { DECIDERS } from '../domain/deciders.js';
import { shopEvents } from '../domain/events.js';
import type { EventDefinition } from '../domain/kernel/event.js';
import * as kernelLimits from '../domain/kernel/limits.js';
import * as httpLimits from '../infra/http/limits.js';
import { the } from './the.js';

const ROOT = join(import.meta.dirname, '..');
const read = (path: string) => readFileSync(join(ROOT, path), 'utf8');

describe('The documentation', () => {
  it('states the limits as the code does', () => {
    const stated = statedLimits(read('docs/limits.md'));
    expect(stated.length).to.be.greaterThan(50);
    for (const { file, name, value } of stated) expect(valueIn(file, name), `${name} in ${file}`).to.equal(value);
  });

  it('leaves out no limit of the log, the command path or HTTP', () => {
    const stated = statedLimits(read('docs/limits.md')).map(({ name }) => name);
    expect(stated).to.include.members([...Object.keys(kernelLimits), ...Object.keys(httpLimits)]);
  });

  it('lists every event with its fields; UPDATE_DOCS=1 rewrites the list', () => {
    expect(DECIDERS.flatMap(({ events }) => Object.keys(events))).to.have.members(Object.keys(shopEvents));
    const page = eventsPage();
    if (process.env.UPDATE_DOCS) writeFileSync(join(ROOT, 'docs/events.md'), page);
    expect(read('docs/events.md')).to.equal(page);
  });

  it('gives a reason for each dependency', () => {
    const { dependencies, devDependencies } = JSON.parse(read('package.json'));
    const rows = read('docs/dependencies.md').split('\n');
    const named = rows.flatMap((row) => [...(/^\| (`.*?) \|/.exec(row)?.[1] ?? '').matchAll(/`([^`]+)`/g)]);
    expect(named.map(([, name]) => name)).to.have.members(Object.keys({ ...dependencies, ...devDependencies }));
  });

  it('names every command of the program', () => {
    const [table, list] = [read('docs/commands.md'), sectionOf('README.md', 'The command line')];
    const commands = [...read('scripts/commerce.ts').matchAll(/^ {2}'?([\w-]+)'?: async \(\) =>/gm)].map(([, name]) =>
      the(name),
    );
    expect(commands).to.include.members(['start', 'import-log']);
    for (const command of commands) {
      expect(new RegExp(`^\\| \`${command}[ \`]`, 'm').test(table), command).to.equal(true);
      expect(list).to.include(`\`${command}\``);
    }
  });

  it('names every variable of the configuration', () => {
    const table = sectionOf('docs/configuration.md', 'Variables');
    const variables = [...read('infra/config.ts').matchAll(/^ {2}([A-Z_]+): /gm)].map(([, name]) => the(name));
    expect(variables).to.include('COMMERCE_PROFILE');
    for (const variable of variables) expect(table).to.include(`\`${variable}\``);
  });

  it('is linked from the README, page by page', () => {
    const pages = readdirSync(join(ROOT, 'docs')).filter((name) => /\.(md|py)$/.test(name));
    for (const page of [...pages, 'adr/README.md']) expect(read('README.md')).to.include(`](docs/${page})`);
  });

  it('names only existing tests against complaints', () => {
    const named = [...read('docs/complaints.md').matchAll(/`([\w/.-]+\.ts)`: (.+?)(?=<br>| \|)/g)];
    expect(named.length).to.be.greaterThan(16);
    for (const [, file, title] of named) {
      for (const part of the(title).split('…')) expect(read(the(file)), `${title} in ${file}`).to.include(part.trim());
    }
  });

  for (const page of ['README.md', 'CONTRIBUTING.md', ...pagesIn('docs')]) {
    it(`has no broken link in ${page}`, () => {
      for (const [, target] of read(page).matchAll(/\]\((?!https?:|#)([^)#]+)[^)]*\)/g)) {
        expect(existsSync(join(ROOT, dirname(page), the(target))), `${target} in ${page}`).to.equal(true);
      }
    });
  }
});

function pagesIn(folder: string): string[] {
  return readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.md'))
    .map((name) => join(folder, name));
}

function sectionOf(page: string, heading: string): string {
  const [, section] = read(page).split(`\n## ${heading}\n`);
  return the(section?.split('\n## ')[0]);
}

/** Rows such as `| NAME | 5,000 ms | … |` below a line that names their file. */
function statedLimits(page: string): { file: string; name: string; value: number }[] {
  let file = '';
  return page.split('\n').flatMap((line) => {
    file = /^`([\w/.-]+\.(?:ts|py))`$/.exec(line)?.[1] ?? file;
    const [, name, value] = /^\| `([A-Z_]+)` \| ([\d,]+)/.exec(line) ?? [];
    return name && value ? [{ file, name, value: Number(value.replaceAll(',', '')) }] : [];
  });
}

/** The value of a constant, exported or not. Its expression may use other constants of the file and of the kernel. */
function valueIn(file: string, name: string): unknown {
  const imported = [...read(file).matchAll(/^import .*\b[A-Z]+_[A-Z_]+\b.* from '(\..*)\.js';$/gm)];
  const files = [...imported.map(([, path]) => join(dirname(file), `${path}.ts`)), file];
  const constants = files.flatMap((each) => [
    ...withConsts(read(each)).matchAll(/^(?:export )?const ([A-Z_]+) = ([\w *+()-]+);$/gm),
  ]);
  const script = [...constants].map(([, constant, value]) => `globalThis.${constant} = ${value};`).join('\n');
  return runInNewContext(`${script}\n${name}`, { ...kernelLimits });
}

/** A constant of a Python file, as TypeScript has it. */
function withConsts(text: string): string {
  return text.replaceAll(/^([A-Z_]+) = ([\d_]+)$/gm, 'const $1 = $2;');
}

function eventsPage(): string {
  const sections = DECIDERS.map(({ category, events }) => {
    const rows = Object.entries(events).map(([type, definition]) => rowOf(type, definition));
    return `## \`${category}#…\`\n\n| event | version | data |\n|---|---|---|\n${rows.join('\n')}\n`;
  });
  return `# Events

This page lists every event of the shop, by the category of its streams. \`test/docs.test.ts\` generates it from the
definitions of the events, and fails if it is out of date. \`?\` marks optional fields. **Bold** marks personal fields,
which are sealed before they are stored. [test/domain/golden/](../test/domain/golden/) has an example and the schema of
every event version. [log-format.md](log-format.md) describes the envelope around the data.

${sections.join('\n')}`;
}

function rowOf(type: string, { version, data, personal }: EventDefinition): string {
  const { properties = {}, required = [] } = z.toJSONSchema(data);
  const fields = Object.keys(properties).map((field) => {
    const name = required.includes(field) ? field : `${field}?`;
    return personal?.fields.includes(field) ? `**${name}**` : name;
  });
  return `| \`${type}\` | ${version} | ${fields.join(', ')} |`;
}
