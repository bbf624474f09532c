import { expect } from 'chai';
import { z } from 'zod';
import { sessionEndpoints } from '../../commands/identity/endpoints.js';
import { countrySchema } from '../../domain/kernel/country.js';
import { emailSchema } from '../../domain/kernel/email.js';
import { type Endpoint, endpoint } from '../../domain/kernel/endpoint.js';
import { currencySchema } from '../../domain/kernel/money.js';
import { shortText } from '../../domain/kernel/text.js';
import { pricesSchema } from '../../domain/product/events.js';
import { shopSettingsSchema } from '../../domain/shop/events.js';
import { allEndpoints } from '../../test/endpoints.js';
import { the } from '../../test/the.js';
import { openApiDocument } from './openapi.js';

const price = z.strictObject({ amount: z.int(), currency: z.string() }).meta({ id: 'Price' });

const priced: Endpoint = endpoint({
  method: 'put',
  path: '/v1/things/{id}/prices/{n}',
  summary: 'Set a price',
  description: 'It counts at once.',
  roles: ['catalogue'],
  idempotency: 'required',
  params: z.strictObject({ id: z.string(), n: z.coerce.number<string>().int() }),
  query: z.object({ dry: z.enum(['yes', 'no']).optional() }),
  body: price,
  answers: { 200: z.strictObject({ price }), 202: z.strictObject({ price }) },
  problems: ['price_changed'],
  handle: async () => ({ status: 200 }),
});

const news: Endpoint = endpoint({
  method: 'post',
  path: '/v1/news',
  summary: 'Receive signed news',
  roles: ['public'],
  signedBy: 'News-Signature',
  answers: { 200: z.strictObject({ received: z.boolean() }) },
  handle: async () => ({ status: 200 }),
});

const rates: Endpoint = endpoint({
  method: 'get',
  path: '/v1/rates',
  summary: 'List the rates',
  roles: ['public'],
  answers: { 200: z.strictObject({ data: z.array(price) }) },
  handle: async () => ({ status: 200 }),
});

const rate: Endpoint = endpoint({
  method: 'put',
  path: '/v1/rates',
  summary: 'Set a rate',
  roles: ['catalogue'],
  body: z.strictObject({ country: countrySchema, currency: currencySchema, title: shortText(10) }),
  answers: { 204: z.void() },
  handle: async () => ({ status: 204 }),
});

/** The verbs that a summary may begin with, by method. */
const VERBS = {
  get: ['Get', 'List', 'Search'],
  post: [
    ...['Add', 'Adjust', 'Apply', 'Approve', 'Authenticate', 'Cancel', 'Check', 'Collect', 'Create', 'Decline'],
    ...['End', 'Pause', 'Resolve', 'Retry', 'Skip'],
    ...['Discontinue', 'Dispatch', 'Hold', 'Mark', 'Merge', 'Publish', 'Receive', 'Record', 'Rebuild', 'Refresh'],
    ...['Refund', 'Request', 'Resume', 'Roll', 'Save', 'Transfer', 'Unpublish'],
  ],
  put: ['Create', 'Set'],
  patch: ['Change', 'Update'],
  delete: ['Delete', 'End', 'Remove', 'Retire'],
} satisfies Record<Endpoint['method'], string[]>;

describe('the OpenAPI document', () => {
  const document = openApiDocument([...sessionEndpoints({} as never), priced, news, rate, rates]);
  const operations = Object.entries(document.paths ?? {}).flatMap(([path, item]) =>
    (['get', 'post', 'put', 'patch', 'delete'] as const).flatMap((method) => {
      const operation = item[method];
      return operation ? [{ path, method, operation }] : [];
    }),
  );

  it('is a document of version 3.1 in which all references resolve', () => {
    expect(document.openapi).to.equal('3.1.0');
    const references = [...JSON.stringify(document).matchAll(/"\$ref":"#\/components\/schemas\/([^"]+)"/g)];
    expect(references).not.to.be.empty;
    for (const [, name] of references) expect(document.components?.schemas).to.have.property(the(name));
  });

  it('gives each operation a name of its own, and declares exactly the parameters of its path', () => {
    const names = operations.map(({ operation }) => operation.operationId);
    expect(new Set(names).size).to.equal(operations.length);
    expect(names).to.include('putThingsByIdPricesByN');
    for (const { path, operation } of operations) {
      const declared = (operation.parameters ?? []).filter((parameter) => 'in' in parameter && parameter.in === 'path');
      expect(declared.map((parameter) => 'name' in parameter && parameter.name)).to.deep.equal(
        [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name),
      );
      for (const parameter of declared) expect(parameter).to.include({ required: true });
    }
  });

  it('describes successes as JSON, rejections as problems, and which endpoints need a token', () => {
    expect(document.components?.securitySchemes).to.have.property('bearer');
    for (const { operation } of operations) {
      for (const [status, answer] of Object.entries(operation.responses ?? {})) {
        const types = Object.keys(answer.content ?? {});
        if (status === '204' || status === '304') expect(types).to.deep.equal([]);
        else expect(types).to.deep.equal([status.startsWith('2') ? 'application/json' : 'application/problem+json']);
      }
      expect(operation.security).not.to.be.empty;
    }
  });

  it('states required fields, and that unknown fields are rejected', () => {
    const put = document.paths?.['/v1/things/{id}/prices/{n}']?.put;
    const key = put?.parameters?.find((parameter) => 'name' in parameter && parameter.name === 'Idempotency-Key');
    expect(key).to.include({ in: 'header', required: true });
    expect(put?.requestBody).to.include({ required: true });
    expect(put?.security).to.deep.equal([{ bearer: [] }]);
    expect(document.components?.schemas?.Price).to.deep.include({ additionalProperties: false });
    expect(document.paths?.['/v1/sessions']?.post?.requestBody).to.include({ required: false });
  });

  it('lists the code of every problem of a status, also of a single endpoint', () => {
    const put = document.paths?.['/v1/things/{id}/prices/{n}']?.put?.responses;
    const conflicts = put?.['409']?.description;
    for (const code of ['conflict', 'price_changed', 'request_in_progress'])
      expect(conflicts).to.include(`\`${code}\``);
    expect(put?.['422']?.description).to.include('`rule_violated`').and.to.include('`idempotency_key_reused`');
    expect(document.paths?.['/v1/sessions/refresh']?.post?.responses).to.have.property('401');
    expect(document.paths?.['/v1/sessions']?.post?.responses).to.have.property('401');
    for (const item of Object.values(document.paths ?? {})) {
      for (const operation of [item.get, item.post, item.put, item.patch, item.delete]) {
        if (operation) expect(operation.responses?.['429']?.headers).to.have.property('Retry-After');
      }
    }
  });

  it('lists each status separately, with an example of each of its codes', () => {
    for (const { operation, path } of operations) {
      for (const [status, { content = {} }] of Object.entries(operation.responses ?? {})) {
        expect(status, path).to.match(/^\d{3}$/);
        const { examples } = content['application/problem+json'] ?? {};
        if (status < '400') continue;
        expect(examples, `${path} ${status}`).not.to.equal(undefined);
        for (const [code, example] of Object.entries(the(examples)))
          expect((example as { value: unknown }).value).to.include({ code, status: Number(status), instance: path });
      }
    }
  });

  it('has the patterns that validate headers', () => {
    const put = document.paths?.['/v1/things/{id}/prices/{n}']?.put;
    const patternOf = (header: string) => {
      const found = put?.parameters?.find((one) => 'name' in one && one.name === header);
      return new RegExp((found as { schema: { pattern: string } }).schema.pattern);
    };
    for (const tags of ['*', '"v12-a1b2c3"', '"v1-a", W/"v2-b"']) expect(tags).to.match(patternOf('If-Match'));
    for (const rubbish of ['v12', '"v12', '*, "v1"', '']) expect(rubbish).not.to.match(patternOf('If-Match'));
    expect('a key').to.match(patternOf('Idempotency-Key'));
    expect('').not.to.match(patternOf('Idempotency-Key'));
    expect('Zm9v').to.match(patternOf('Consistency-Token'));
    expect('a b').not.to.match(patternOf('Consistency-Token'));
  });

  it('declares the answer 304 for each query and for no command', () => {
    for (const { method, path, operation } of operations) {
      const isQuery = method === 'get';
      const names = (operation.parameters ?? []).map((one) => 'name' in one && one.name);
      expect(names.includes('If-None-Match'), path).to.equal(isQuery);
      expect(names.includes('If-Match'), path).to.equal(!isQuery);
      expect(operation.responses?.['304'] !== undefined, path).to.equal(isQuery);
      if (isQuery) expect(operation.responses?.['304']?.headers).to.include.keys('ETag', 'Consistency-Token');
    }
    expect(operations.some(({ method }) => method === 'get')).to.equal(true);
  });

  it('lists all countries and currencies, and the rule for text', () => {
    const text = JSON.stringify(document.paths?.['/v1/rates']?.put);
    expect(text).to.include('"AD","AE"').and.to.include('"BIF","CLP"').and.to.include('"pattern":"^[');
  });

  it('describes each rule once, and an e-mail address only by its pattern', () => {
    const said = (body: z.ZodType) => {
      const things = endpoint({ ...rate, body } as typeof rate);
      return JSON.stringify(openApiDocument([things]).paths?.['/v1/rates']?.put?.requestBody);
    };
    for (const list of Object.values(shopSettingsSchema.shape))
      expect(said(z.strictObject({ list }))).to.include('"uniqueItems":true');
    expect(said(z.strictObject({ prices: pricesSchema }))).to.include('"uniqueItems":true');
    expect(said(z.strictObject({ email: emailSchema.optional() })))
      .to.include('"pattern":"^(?!.{65,}@)')
      .and.not.to.include('"format"');
  });

  it('has a description beside the summary if there is one, and the roles of each endpoint', () => {
    expect(document.paths?.['/v1/things/{id}/prices/{n}']?.put?.description).to.equal(
      'It counts at once. Roles: catalogue.',
    );
    expect(document.paths?.['/v1/news']?.post?.description).to.equal('Roles: public.');
  });

  it('begins the summary of every endpoint of the shop with a usual verb', async () => {
    const endpoints = await allEndpoints();
    expect(endpoints.length).to.be.greaterThan(60);
    for (const { method, path, summary } of endpoints) {
      expect(VERBS[method], `${method} ${path}: ${summary}`).to.include(summary.split(' ')[0]);
      expect(summary, path).to.match(/^[^.;]{1,80}$/);
    }
    const used = new Set(endpoints.map(({ method, summary }) => `${method} ${summary.split(' ')[0]}`));
    for (const [method, verbs] of Object.entries(VERBS)) {
      for (const verb of verbs) expect(used, 'no endpoint needs this verb any more').to.include(`${method} ${verb}`);
    }
  });

  it('ends the description of an endpoint with a full stop', async () => {
    for (const { path, description } of await allEndpoints()) {
      if (description !== undefined) expect(description, path).to.match(/[.]$/);
    }
  });

  it('explains the meaning of an answer that is not final', () => {
    const { responses } = document.paths?.['/v1/things/{id}/prices/{n}']?.put ?? {};
    expect(responses?.['202']?.description).to.contain('Location');
    expect(responses?.['200']?.description).to.equal('The answer');
  });

  it('declares the headers that answers carry', () => {
    const namesOf = (status: string, { responses } = document.paths?.['/v1/things/{id}/prices/{n}']?.put ?? {}) =>
      Object.keys(responses?.[status]?.headers ?? {});
    const always = ['X-Request-Id', 'Consistency-Token', 'RateLimit-Policy', 'RateLimit'];
    expect(namesOf('200')).to.have.members([...always, 'Idempotency-Replayed', 'ETag']);
    expect(namesOf('202')).to.have.members([...always, 'Idempotency-Replayed', 'ETag', 'Location']);
    for (const status of ['409', '503']) expect(namesOf(status)).to.include('Retry-After');
    expect(namesOf('422')).to.have.members([...always, 'Idempotency-Replayed']);
    expect(namesOf('204', document.paths?.['/v1/sessions']?.delete)).to.have.members(always);
  });

  it('describes the additional members of problems, and allows more', () => {
    const { Problem } = document.components?.schemas ?? {};
    expect(Problem).not.to.deep.include({ additionalProperties: false });
    expect(Problem)
      .to.have.property('properties')
      .that.includes.keys('declineCode', 'available', 'changes', 'total', 'version');
  });

  it('names the header that signs a body without a schema', () => {
    const post = document.paths?.['/v1/news']?.post;
    const signature = post?.parameters?.find((one) => 'name' in one && one.name === 'News-Signature');
    expect(signature).to.include({ in: 'header', required: true });
    expect(post?.requestBody).to.include({ required: true });
    expect(post?.responses).not.to.have.property('415');
  });
});
