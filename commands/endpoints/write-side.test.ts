import { expect } from 'chai';
import { z } from 'zod';
import { createShop } from '../../test/shop.js';

interface ObjectSchema {
  properties?: Record<string, unknown>;
  required?: string[];
}

/** A named schema stands among its definitions. */
function partsOf(schema: z.ZodType): ObjectSchema {
  const { $ref, $defs, ...parts } = z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' });
  return ($ref ? $defs![$ref.slice('#/$defs/'.length)] : parts) as ObjectSchema;
}

describe('The write side', () => {
  const patches = createShop().endpoints.filter(({ method }) => method === 'patch');

  it('has endpoints that change some fields only', () => {
    expect(patches.length).to.be.greaterThan(2);
  });

  for (const { path, body, answers } of patches) {
    it(`takes \`null\` for every field that PATCH ${path} may clear`, () => {
      const given = partsOf(body!);
      const shown = partsOf(answers[200]!);
      const optional = Object.keys(given.properties!).filter((field) => !given.required?.includes(field));
      for (const field of optional) {
        expect(shown.properties, field).to.have.property(field);
        const isLasting = shown.required?.includes(field) ?? false;
        expect(body!.safeParse({ [field]: null }).success, field).to.equal(!isLasting);
      }
    });
  }
});
