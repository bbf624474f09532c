// Every version of every event has a golden file: an example of its data and its schema. Old files never change; a new version of
// an event gets a new file.
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { expect } from 'chai';
import { z } from 'zod';
import { eventTypes, shopEvents } from '../../domain/events.js';
import { the } from '../the.js';

const folder = new URL('./golden/', import.meta.url);

describe('The golden files of the events', () => {
  const versions = Object.entries(shopEvents).flatMap(([type, { version }]) =>
    Array.from({ length: version }, (_, n) => ({ type, version: n + 1, file: `${type}.v${n + 1}.json` })),
  );

  if (process.env.UPDATE_DOCS) for (const { type, version } of versions) draft(type, version);

  it('are one for every version of every event', () => {
    expect(readdirSync(folder).sort()).to.deep.equal(versions.map(({ file }) => file).sort());
  });

  for (const { type, version, file } of versions) {
    const read = () => JSON.parse(readFileSync(new URL(file, folder), 'utf8'));
    const { version: today, data: schema } = the(shopEvents[type]);

    it(`${file} can still be read`, () => {
      const data = eventTypes.read(type, version, read().data);
      expect(() => eventTypes.check({ type, data })).to.not.throw();
      if (version === today) expect(data).to.deep.equal(read().data);
    });

    if (version === today) {
      it(`${file} has the schema that is written today; a changed schema needs a new version, an upcast and a new file`, () => {
        expect(withoutWords(z.toJSONSchema(schema))).to.deep.equal(withoutWords(read().schema));
      });
    }
  }

  it('show an upcast: early stock adjustments gave no reason', () => {
    const { data } = JSON.parse(readFileSync(new URL('StockAdjusted.v1.json', folder), 'utf8'));
    expect(eventTypes.read('StockAdjusted', 1, data)).to.deep.equal({ ...data, reason: 'unspecified' });
  });
});

/** A new version gets the example of the version before, for its author to complete. Existing files stay as they are. */
function draft(type: string, version: number): void {
  const fileOf = (n: number) => new URL(`${type}.v${n}.json`, folder);
  if (existsSync(fileOf(version))) return;
  const { data } = version > 1 ? JSON.parse(readFileSync(fileOf(version - 1), 'utf8')) : { data: {} };
  const schema = z.toJSONSchema(the(shopEvents[type]).data);
  writeFileSync(fileOf(version), `${JSON.stringify({ data, schema }, null, 2)}\n`);
}

/** Without the descriptions of fields, which may change because they are not stored. */
function withoutWords(schema: unknown): unknown {
  return JSON.parse(JSON.stringify(schema), (key, value) =>
    key === 'description' && typeof value === 'string' ? undefined : value,
  );
}
