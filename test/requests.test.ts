// The checks of every endpoint's requests: limits on everything that can be long, one rule for text, and cheap rejections.
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import pino from 'pino';
import { Registry } from 'prom-client';
import { z } from 'zod';
import type { Caller, Endpoint } from '../domain/kernel/endpoint.js';
import { isProblem, MAX_NAMED_FIELDS } from '../domain/kernel/errors.js';
import { defined } from '../domain/kernel/json.js';
import { textRules } from '../domain/kernel/text.js';
import { createSeals } from '../infra/crypto/seals.js';
import { createApp } from '../infra/http/app.js';
import { MAX_BODY_BYTES, MAX_BODY_VALUES, MAX_VALUES_AT_ONCE } from '../infra/http/limits.js';
import { HttpProblem } from '../infra/http/problems.js';
import { type RunningServer, startServer } from '../infra/http/server.js';
import { schemasOf, validatorOf, type Work } from '../infra/http/validation.js';
import type { Rebuilds } from '../projections/rebuild/rebuilds.js';
import { projectionEndpoints } from '../read-api/queries/projections.js';
import { allEndpoints } from './endpoints.js';
import { someOf, turnOf } from './every-case.js';
import { createMemoryIdempotency } from './memory-idempotency.js';
import { ADA, createShop, KEEPER, SUPPORT } from './shop.js';
import { the } from './the.js';
import { unlimited } from './unlimited.js';

type JsonSchema = z.core.JSONSchema.JSONSchema;

/** Answers to invalid requests must stay small. */
const MAX_ANSWER_BYTES = 32_000;
const LONG = 'x'.repeat(MAX_BODY_BYTES - 1_000);

const endpoints = await allEndpoints();
const withBody = endpoints.filter(({ body }) => body !== undefined);
const nameOf = ({ method, path }: Endpoint) => `${method.toUpperCase()} ${path}`;

describe('Every request', () => {
  const fields = endpoints.flatMap((endpoint) =>
    (['params', 'query', 'body'] as const).flatMap((part) =>
      fieldsIn(jsonSchemaOf(schemasOf(endpoint)[part]), `${nameOf(endpoint)} ${part}`),
    ),
  );

  it('has a limit on each array and each record, and the documentation states it', () => {
    const page = readFileSync(join(import.meta.dirname, '../docs/limits.md'), 'utf8');
    const stated = new Set(
      [...page.matchAll(/^\| `[A-Z_]+` \| ([\d,]+)/gm)].map(([, n]) => Number(the(n).replaceAll(',', ''))),
    );
    const long = fields.filter(({ schema }) => schema.type === 'array' || isRecord(schema));
    expect(long.length).to.be.greaterThan(20);
    for (const { schema, at } of long) {
      const limit = schema.type === 'array' ? schema.maxItems : schema.maxProperties;
      expect(limit, `${at} has no limit`).to.be.a('number');
      expect(stated, `docs/limits.md does not state the limit of ${at}`).to.include(the(limit));
    }
  });

  it('has limits on each number', () => {
    const numbers = fields.filter(({ schema }) => schema.type === 'integer' || schema.type === 'number');
    expect(numbers).not.to.be.empty;
    for (const { schema, at } of numbers) expect(schema, at).to.include.keys('minimum', 'maximum');
  });

  it('has a text rule or a pattern for each text, so that no text is unlimited', () => {
    const texts = fields.filter(({ schema }) => schema.type === 'string' && !schema.enum && schema.const === undefined);
    expect(texts.filter(({ schema }) => schema['x-text']).length).to.be.greaterThan(10);
    for (const { schema, at } of texts) {
      const isRuled = schema['x-text'] === true || schema.pattern !== undefined || schema.format !== undefined;
      expect(isRuled, `${at} is free text: use shortText or longText of domain/kernel/text.ts, or a pattern`).to.equal(
        true,
      );
    }
  });

  it('accepts numbers and booleans in its query as documented, in one spelling', () => {
    let tried = 0;
    for (const endpoint of endpoints) {
      const { query } = schemasOf(endpoint);
      const { properties = {}, required = [] } = jsonSchemaOf(query);
      const needed = Object.fromEntries(required.map((name) => [name, (properties[name] as JsonSchema).example]));
      for (const [name, schema] of Object.entries(properties)) {
        const { type, pattern, minimum, enum: values } = schema as JsonSchema;
        const takes = (text: string) => query.safeParse({ ...needed, [name]: text }).success;
        const at = `${nameOf(endpoint)} ?${name}`;
        expect(type, `${at} comes as text`).not.to.be.oneOf(['number', 'boolean']);
        if (type === 'integer') {
          tried += 1;
          expect(takes(String(minimum)), at).to.equal(true);
          for (const odd of [
            '1e1',
            '0x10',
            '0b1',
            ' 5',
            '5 ',
            '+5',
            '05',
            '5.0',
            '5.',
            '-0',
            '',
            '٣',
            '1_0',
            'Infinity',
          ]) {
            expect(takes(odd), `${at}=${odd}`).to.equal(false);
          }
        } else if (values?.includes('true')) {
          tried += 1;
          expect(values, at).to.deep.equal(['true', 'false']);
          for (const odd of ['True', 'TRUE', '1', '0', 'yes', '', ' true'])
            expect(takes(odd), `${at}=${odd}`).to.equal(false);
        } else if (pattern?.includes('\\.\\.')) {
          tried += 1;
          expect(takes('5..'), at).to.equal(true);
          for (const odd of ['05..', '..05', '+5..', '1e1..', '5. .', '0x1..'])
            expect(takes(odd), `${at}=${odd}`).to.equal(false);
        }
      }
    }
    expect(tried).to.be.greaterThan(5);
  });

  it('accepts only known fields', () => {
    for (const { schema, at } of fields.filter(({ schema }) => schema.type === 'object' && !isRecord(schema)))
      expect(schema.additionalProperties, at).to.equal(false);
  });
});

describe('The most expensive body of an endpoint', () => {
  let server: RunningServer;

  before(async () => {
    const log = pino({ level: 'silent' });
    const authenticate = async (role: string): Promise<Caller> => ({
      role: role as Caller['role'],
      id: 'me',
      customerId: 'customer_me',
    });
    const deps = {
      idempotency: createMemoryIdempotency(),
      registry: new Registry(),
      clock: Date.now,
      log,
      seals: createSeals(randomBytes(32)),
    };
    const readiness = async () => ({ away: [], standingStill: [] });
    server = await startServer(createApp({ ...deps, endpoints, admission: unlimited(authenticate), readiness }), {
      port: 0,
    });
  });
  after(() => server.close());

  for (const [turn, endpoint] of withBody.entries()) {
    it(`costs little: ${nameOf(endpoint)}`, async function () {
      this.timeout(120_000);
      for (const [what, text] of turnOf([...worstBodies(endpoint)], turn)) {
        const { status, bytes } = await send(endpoint, text);
        expect(status, what).to.be.within(400, 499);
        expect(bytes, what).to.be.lessThan(MAX_ANSWER_BYTES);
        const { judged, faults } = await workOn(endpoint, text);
        expect(judged, what).to.be.at.most(2 * MAX_BODY_VALUES);
        expect(faults, what).to.be.at.most(MAX_NAMED_FIELDS + 2 * MAX_VALUES_AT_ONCE);
      }
    });
  }

  it('can also be a query or a path', async () => {
    for (const [turn, endpoint] of endpoints.entries()) {
      const target = endpoint.path.replaceAll(/\{\w+\}/g, '%C3%A4'.repeat(1_000));
      const queries = [
        'a&'.repeat(5_000),
        `${'%00'.repeat(1_000)}=1`,
        `limit=${'9'.repeat(9_000)}`,
        'limit=1&limit=2',
        `after=${'%C3%A4'.repeat(1_000)}`,
      ];
      for (const query of turnOf(queries, turn)) {
        const { bytes } = await send({ ...endpoint, path: `${target}?${query}` }, undefined);
        expect(bytes, `${nameOf(endpoint)} ${query.slice(0, 30)}`).to.be.lessThan(MAX_ANSWER_BYTES);
      }
    }
  });

  async function send({ method, path, roles, signedBy }: Endpoint, body: string | undefined) {
    const role = roles.find((one) => one !== 'public');
    const response = await fetch(server.url + path.replaceAll(/\{\w+\}/g, 'x'), {
      method: method.toUpperCase(),
      headers: {
        'Idempotency-Key': 'once',
        ...(role && { Authorization: `Bearer ${role}` }),
        ...(signedBy && { [signedBy]: 'x' }),
        ...(body !== undefined && { 'Content-Type': 'application/json' }),
      },
      ...defined({ body }),
    });
    return { status: response.status, bytes: (await response.arrayBuffer()).byteLength };
  }
});

/** The cost of validating a body. The text must be JSON. */
async function workOn(endpoint: Endpoint, text: string): Promise<Work> {
  const work = { judged: 0, faults: 0 };
  const params = Object.fromEntries([...endpoint.path.matchAll(/\{(\w+)\}/g)].map(([, name]) => [the(name), 'x']));
  const request = { params, query: {}, url: '' };
  const judged = validatorOf(schemasOf(endpoint))(request, JSON.parse(text), () => undefined, work);
  const error = await judged.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(error).to.be.instanceOf(HttpProblem);
  return work;
}

function* worstBodies({ body }: Endpoint): Iterable<[what: string, text: string]> {
  const schema = jsonSchemaOf(the(body));
  const most = (item: string) => Math.floor((MAX_BODY_BYTES - 1_000) / (item.length + 1));
  const many = (item: string, n = most(item)) => `[${Array(n).fill(item).join()}]`;
  const keys = (n: number) => Array.from({ length: n }, (_, i) => `"k${i}":0`).join();

  yield ['nothing', 'null'];
  yield ['zeros', many('0')];
  yield ['empty objects', many('{}')];
  yield ['unknown keys', `{${keys(29_000)}}`];
  yield ['unknown keys within the limit', `{${keys(MAX_BODY_VALUES)}}`];
  yield ['a long key', `{"${LONG}":0}`];
  yield ['long keys', `{${Array.from({ length: 100 }, (_, i) => `"${i}${LONG.slice(0, 2_500)}":0`).join()}}`];
  yield ['nesting', '['.repeat(100_000) + ']'.repeat(100_000)];
  yield ['a name that means something else', '{"__proto__":{"a":1},"constructor":1}'];
  const seen = new Set<string>();
  for (const { around, schema: inner } of someOf(placesIn(schema))) {
    if (seen.has(JSON.stringify(inner))) continue;
    seen.add(JSON.stringify(inner));
    yield ['a long string', around(`"${LONG}"`)];
    yield ['a number beyond all', around('1e400')];
    yield ['nesting inside', around('{"a":'.repeat(30_000) + 1 + '}'.repeat(30_000))];
    if (inner.type !== 'array' && inner.type !== 'object') continue;
    for (const item of ['0', '{}', '{"a":{}}']) {
      const limit = typeof inner.maxItems === 'number' ? [inner.maxItems, inner.maxItems + 1] : [];
      for (const n of [Math.floor(MAX_BODY_VALUES / 2) - 50, ...limit])
        if (n <= most(item)) yield [`${n} × ${item}`, around(many(item, n))];
    }
    yield ['keys inside, within the limit', around(`{${keys(MAX_BODY_VALUES - 100)}}`)];
  }
}

interface Place {
  schema: JsonSchema;
  /** A body with this text at this place. */
  around(text: string): string;
}

function placesIn(schema: JsonSchema, around: Place['around'] = (text) => text): Place[] {
  const options = [...(schema.anyOf ?? []), ...(schema.oneOf ?? [])] as JsonSchema[];
  const members = Object.entries(schema.properties ?? {}) as [string, JsonSchema][];
  const inMember = ([key, inner]: [string, JsonSchema]) =>
    placesIn(inner, (text) => around(`{${tagsOf(members, key)}"${key}":${text}}`));
  return [
    { schema, around },
    ...members.flatMap(inMember),
    ...(schema.items ? placesIn(schema.items as JsonSchema, (text) => around(`[${text}]`)) : []),
    ...options.flatMap((option) => placesIn(option, around)),
  ];
}

/** The tag identifies the member of a union. */
function tagsOf(members: readonly [string, JsonSchema][], but: string): string {
  const tags = members.filter(([key, { const: tag }]) => key !== but && tag !== undefined);
  return tags.map(([key, { const: tag }]) => `"${key}":${JSON.stringify(tag)},`).join('');
}

describe('A resource that does not exist or belongs to another customer', () => {
  /** Requests that create the resource of their path. */
  const MAKERS = ['PUT /v1/coupons/{code}', 'PUT /v1/tax-rates/{id}', 'PUT /v1/shipping-methods/{id}'];
  const named = withBody.filter((endpoint) => endpoint.path.includes('{') && !MAKERS.includes(nameOf(endpoint)));
  const shop = createShop();
  const noRebuilds = { names: [], report: async () => [] } as unknown as Rebuilds;
  const here = [...shop.endpoints, ...projectionEndpoints({ rebuilds: noRebuilds })];
  const call = new Map(here.map((endpoint) => [nameOf(endpoint), endpoint]));

  for (const endpoint of named) {
    it(`is not found before a body is refused: ${nameOf(endpoint)}`, async () => {
      const here = call.get(nameOf(endpoint));
      expect(here, 'createShop() of test/shop.ts leaves it out').not.to.equal(undefined);
      expect(the(here).find, `${nameOf(endpoint)} needs a \`find\`: see domain/kernel/endpoint.ts`).not.to.equal(
        undefined,
      );
      const caller = [ADA, SUPPORT, KEEPER].find(({ role }) => endpoint.roles.includes(role)) ?? {
        role: 'public' as const,
        id: 'me',
      };
      const params = Object.fromEntries(
        [...endpoint.path.matchAll(/\{(\w+)\}/g)].map(([, name]) => [the(name), 'none']),
      );
      const judge = validatorOf(schemasOf(the(here)));
      for (const body of [{ lines: Array(87_000).fill({}) }, 'nonsense', { ['x'.repeat(1_000)]: 1 }]) {
        const judged = judge({ params, query: {}, url: '' }, body, (params) => the(here).find?.({ params, caller }));
        const error = await judged.then(
          () => undefined,
          (thrown: unknown) => thrown,
        );
        expect(isProblem(error, 'not_found'), String(error)).to.equal(true);
      }
    });
  }
});

function isRecord({ type, properties, additionalProperties }: JsonSchema): boolean {
  return type === 'object' && properties === undefined && typeof additionalProperties === 'object';
}

function jsonSchemaOf(schema: z.ZodType): JsonSchema {
  return z.toJSONSchema(schema, {
    io: 'input',
    unrepresentable: 'any',
    reused: 'inline',
    override({ zodSchema, jsonSchema }) {
      if (textRules.get(zodSchema as unknown as z.ZodType)) jsonSchema['x-text'] = true;
    },
  });
}

interface Field {
  schema: JsonSchema;
  at: string;
}

function fieldsIn(schema: JsonSchema, at: string): Field[] {
  const options = [...(schema.anyOf ?? []), ...(schema.oneOf ?? []), ...(schema.allOf ?? [])] as JsonSchema[];
  const { additionalProperties: values, propertyNames: names, items, properties = {} } = schema;
  return [
    { schema, at },
    ...Object.entries(properties).flatMap(([key, inner]) => fieldsIn(inner as JsonSchema, `${at}/${key}`)),
    ...(typeof values === 'object' ? fieldsIn(values as JsonSchema, `${at}/*`) : []),
    ...(typeof names === 'object' ? fieldsIn({ type: 'string', ...(names as JsonSchema) }, `${at} (keys)`) : []),
    ...(items ? fieldsIn(items as JsonSchema, `${at}[]`) : []),
    ...options.flatMap((option) => fieldsIn(option, at)),
  ];
}
