import { expect } from 'chai';
import { z } from 'zod';
import { createShop } from '../test/shop.js';
import { the } from '../test/the.js';

interface ObjectSchema {
  properties?: Record<string, ObjectSchema>;
  required?: string[];
}

/** A named schema is among its definitions. */
function partsOf(schema: z.ZodType): ObjectSchema {
  const { $ref, $defs, ...parts } = z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' });
  return ($ref ? the($defs)[$ref.slice('#/$defs/'.length)] : parts) as ObjectSchema;
}

/** Guests and forgotten people are shown without a name, but every account has one. */
const LASTING = ['name'];

describe('The write side', () => {
  const patches = createShop().endpoints.filter(({ method }) => method === 'patch');

  it('has endpoints that change only some fields', () => {
    expect(patches.length).to.be.greaterThan(2);
  });

  for (const { path, body, answers } of patches) {
    it(`accepts \`null\` for every field that PATCH ${path} may clear`, () => {
      const given = partsOf(the(body));
      const optional = Object.keys(the(given.properties)).filter((field) => !given.required?.includes(field));
      const shown = the(partThatShows(optional, partsOf(the(answers[200]))));
      for (const field of optional) {
        const isLasting = LASTING.includes(field) || (shown.required?.includes(field) ?? false);
        expect(the(body).safeParse({ [field]: null }).success, field).to.equal(!isLasting);
      }
    });
  }
});

/** The answer, or the part of it that has these fields, such as the address of an order. */
function partThatShows(fields: readonly string[], answer: ObjectSchema): ObjectSchema | undefined {
  const parts = [answer, ...Object.values(answer.properties ?? {})];
  return parts.find(({ properties = {} }) => fields.every((field) => field in properties));
}
