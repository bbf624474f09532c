// The OpenAPI 3.1 document, made from the schemas that validate requests.
import { z } from 'zod';
import {
  createDocument,
  type ZodOpenApiHeadersObject,
  type ZodOpenApiOperationObject,
  type ZodOpenApiParameters,
  type ZodOpenApiPathsObject,
  type ZodOpenApiRequestBodyObject,
  type ZodOpenApiResponseObject,
} from 'zod-openapi';
import type { Endpoint } from '../../domain/kernel/endpoint.js';
import { enforced } from '../../domain/kernel/enforced.js';
import { defined } from '../../domain/kernel/json.js';
import { moneySchema } from '../../domain/kernel/money.js';
import { SEALED_TEXT } from '../../domain/kernel/seal.js';
import { ENTITY_TAGS } from './entity-tags.js';
import { IDEMPOTENCY_KEY } from './headers.js';
import { MAX_TOKEN_CHARS } from './limits.js';
import { HttpProblem, type HttpProblemCode, PROBLEMS, problemDocument } from './problems.js';
import { schemasOf } from './validation.js';

export type OpenApiDocument = ReturnType<typeof createDocument>;

/** Loose: RFC 9457 allows a problem to have additional members. */
const problemSchema = z
  .looseObject({
    type: z.string(),
    title: z.string(),
    status: z.int(),
    detail: z.string(),
    instance: z.string(),
    code: z.string().meta({ description: 'Stable: clients should branch on it.' }),
    errors: z.array(z.object({ pointer: z.string(), detail: z.string() })).optional(),
    declineCode: z.string().optional().meta({ description: 'Of `payment_declined`' }),
    available: z.record(z.string(), z.int()).optional().meta({ description: 'Of `out_of_stock`, by SKU' }),
    changes: z
      .array(z.object({ sku: z.string(), was: moneySchema, now: moneySchema }))
      .optional()
      .meta({ description: 'Of `price_changed`: the unit prices' }),
    total: z
      .object({ was: moneySchema.optional(), now: moneySchema })
      .optional()
      .meta({ description: 'Of `price_changed`; `was` is the total in the request' }),
    shippingMethods: z
      .array(z.string())
      .optional()
      .meta({ description: 'If a shipping method cannot send the cart: the methods that can' }),
    version: z.int().optional().meta({ description: 'Of `version_mismatch`: the current version' }),
    refundable: z
      .int()
      .optional()
      .meta({ description: 'If a refund is too large: the amount that can still be refunded, in minor units' }),
    coupon: z.string().optional().meta({ description: 'If a coupon does not apply: its code' }),
  })
  .meta({ id: 'Problem', description: 'Problem details (RFC 9457)' });

const text = { type: 'string' } as const;
const answerHeaders: ZodOpenApiHeadersObject = {
  'X-Request-Id': { description: 'The id of the request, or a new one.', schema: text },
  'Consistency-Token': {
    description: 'Send it with a query: the query then includes at least the data that this answer is based on.',
    schema: text,
  },
};
const rateLimits: ZodOpenApiHeadersObject = {
  'RateLimit-Policy': { description: 'How many requests of each kind are allowed in a minute.', schema: text },
  RateLimit: {
    description: 'How many requests are left, and the seconds until all are available again.',
    schema: text,
  },
};
const etag: ZodOpenApiHeadersObject = {
  ETag: {
    description:
      'The version and a hash of the body, such as `"v12-a1b2c3"`. Absent if the resource has no version. `If-Match` ' +
      'compares the version alone, `If-None-Match` compares the whole tag.',
    schema: text,
  },
};
const location: ZodOpenApiHeadersObject = {
  Location: { description: 'The address of the created resource, if it has one.', schema: text },
};
const replayed: ZodOpenApiHeadersObject = {
  'Idempotency-Replayed': {
    description: 'Always `true`: this is the answer to an earlier request with the same key.',
    schema: text,
  },
};
const retryAfter: ZodOpenApiHeadersObject = {
  'Retry-After': { description: 'Seconds to wait before a repeat.', schema: { type: 'integer' } },
};

/** Problems that are temporary: the caller can retry later. */
const PASSING: ReadonlySet<HttpProblemCode> = new Set(['request_in_progress', 'rate_limited', 'unavailable']);

const HEADERS = {
  'X-Request-Id': z.string().optional().meta({ description: 'Returned in the answer and written into the event log.' }),
  'Consistency-Token': z
    .string()
    .max(MAX_TOKEN_CHARS)
    .regex(SEALED_TEXT)
    .optional()
    .meta({ description: 'The token of an earlier answer.' }),
};
const WAIT = {
  Prefer: z.string().optional().meta({
    description: '`wait=N`: maximum number of whole seconds to wait for the commits of the consistency token.',
  }),
};
const IF_MATCH_HEADER = {
  'If-Match': z
    .string()
    .regex(ENTITY_TAGS)
    .optional()
    .meta({
      description:
        'One or more ETags. 412 if none of them has the current version. Weak tags never match. `*`: 412 if a PUT would ' +
        'create something that does not exist yet.',
    }),
};
const IF_NONE_MATCH_HEADER = {
  'If-None-Match': z.string().regex(ENTITY_TAGS).optional().meta({
    description:
      'ETags of answers that the caller has. 304 without a body if one of them is current. `*` always matches.',
  }),
};
const LAST_EVENT = {
  'Last-Event-ID': z.string().optional().meta({ description: 'The id of the last event that the caller has.' }),
};
const KEY = z
  .string()
  .regex(IDEMPOTENCY_KEY)
  .meta({ description: 'A repeat with the same key and body gets the same answer.' });

export function openApiDocument(endpoints: readonly Endpoint[]): OpenApiDocument {
  const paths: ZodOpenApiPathsObject = {};
  for (const endpoint of endpoints) {
    paths[endpoint.path] = { ...paths[endpoint.path], [endpoint.method]: operationOf(endpoint) };
  }
  return createDocument(
    {
      openapi: '3.1.0',
      info: {
        title: 'Commerce',
        version: '1',
        description: 'Commands append events. Queries read models that are built from the events.',
      },
      servers: [{ url: '/' }],
      paths,
      components: { securitySchemes: { bearer: { type: 'http', scheme: 'bearer', bearerFormat: 'JWT' } } },
    },
    { override: addEnforcedRules },
  );
}

/** Adds JSON Schema keywords for rules that a schema enforces by functions. The generator cannot see those rules. */
function addEnforcedRules({
  zodSchema,
  jsonSchema,
  io,
}: {
  zodSchema: unknown;
  jsonSchema: object;
  io: 'input' | 'output';
}): void {
  if (io === 'input') Object.assign(jsonSchema, enforced.get(zodSchema as z.ZodType));
}

function operationOf(endpoint: Endpoint): ZodOpenApiOperationObject {
  const open = endpoint.roles.includes('public');
  const headers = { ...answerHeaders, ...rateLimits, ...(isKeyed(endpoint) && replayed) };
  return {
    operationId: operationId(endpoint),
    summary: endpoint.summary,
    description: [endpoint.description, `Roles: ${endpoint.roles.join(', ')}.`].filter(Boolean).join(' '),
    tags: [endpoint.path.split('/')[2] ?? ''],
    security: open ? [{}, { bearer: [] }] : [{ bearer: [] }],
    requestParams: parametersOf(endpoint),
    ...defined({ requestBody: requestBodyOf(endpoint) }),
    responses: {
      ...Object.fromEntries(
        Object.entries(endpoint.answers).map(([status, schema]) => [
          status,
          endpoint.isWatched ? events(schema, headers) : success(status, schema, headers),
        ]),
      ),
      ...(endpoint.method === 'get' &&
        !endpoint.isWatched && {
          304: {
            description: 'The caller has the current version: see `If-None-Match`',
            headers: { ...headers, ...etag },
          },
        }),
      ...problemsOf(endpoint, headers),
    },
  };
}

function requestBodyOf(endpoint: Endpoint): ZodOpenApiRequestBodyObject | undefined {
  if (endpoint.signedBy) return { required: true, content: { 'application/json': { schema: { type: 'object' } } } };
  if (!endpoint.body) return undefined;
  const { body } = schemasOf(endpoint);
  return { required: !body.safeParse(undefined).success, content: { 'application/json': { schema: body } } };
}

function parametersOf(endpoint: Endpoint): ZodOpenApiParameters {
  const { params, query } = schemasOf(endpoint);
  const { method, idempotency, signedBy, isWatched } = endpoint;
  const key = idempotency === 'required' ? { 'Idempotency-Key': KEY } : { 'Idempotency-Key': KEY.optional() };
  const header = z.object({
    ...HEADERS,
    ...(method === 'get' ? { ...WAIT, ...(isWatched ? LAST_EVENT : IF_NONE_MATCH_HEADER) } : IF_MATCH_HEADER),
    ...(isKeyed(endpoint) && key),
    ...(signedBy && { [signedBy]: z.string().meta({ description: 'The signature of the body.' }) }),
  });
  return {
    header,
    ...defined({
      path: endpoint.params ? (params as z.ZodType<unknown, Record<string, unknown>>) : undefined,
      query: endpoint.query ? (query as z.ZodType<unknown, Record<string, unknown>>) : undefined,
    }),
  };
}

const MEANINGS: Readonly<Record<string, string>> = {
  202: 'Accepted, but not finished yet. `Location` shows the result',
  204: 'Done',
};

/** The schema is that of each event. */
function events(schema: z.ZodType, headers: ZodOpenApiHeadersObject): ZodOpenApiResponseObject {
  const description = 'Server-sent events. The id of the last one continues the stream';
  const data = z.string().meta({ description: `JSON of ${schema.meta()?.id}`, contentMediaType: 'application/json' });
  return {
    description,
    headers,
    content: { 'text/event-stream': { schema: z.looseObject({ id: z.string(), data }) } },
  };
}

function success(status: string, schema: z.ZodType, headers: ZodOpenApiHeadersObject): ZodOpenApiResponseObject {
  const empty = schema instanceof z.ZodVoid;
  const isMade = !empty && (status === '201' || status === '202');
  return {
    description: empty && status === '202' ? 'Accepted, but not finished yet' : (MEANINGS[status] ?? 'The answer'),
    headers: { ...headers, ...(!empty && etag), ...(isMade && location) },
    ...(!empty && { content: { 'application/json': { schema } } }),
  };
}

/** By status: the problems that any endpoint of this kind may answer, and those that the endpoint declares. */
function problemsOf(endpoint: Endpoint, headers: ZodOpenApiHeadersObject): Record<string, ZodOpenApiResponseObject> {
  const byStatus = new Map<number, HttpProblemCode[]>();
  for (const code of codesOf(endpoint)) {
    const { status } = PROBLEMS[code];
    byStatus.set(status, [...(byStatus.get(status) ?? []), code]);
  }
  return Object.fromEntries([...byStatus].map(([status, codes]) => [status, problemOf(codes, endpoint, headers)]));
}

function codesOf(endpoint: Endpoint): Set<HttpProblemCode> {
  const { roles, method, signedBy, problems = [] } = endpoint;
  const isCommand = method !== 'get';
  const codes: HttpProblemCode[] = [
    'invalid_request',
    'unauthenticated',
    'not_found',
    'rate_limited',
    'request_timeout',
    'headers_too_large',
    'unavailable',
  ];
  if (!roles.includes('public')) codes.push('forbidden');
  if (isCommand) codes.push('conflict', 'version_mismatch', 'too_large');
  if (isCommand && !signedBy) codes.push('unsupported_media_type', 'rule_violated');
  if (isKeyed(endpoint)) codes.push('request_in_progress', 'command_expired', 'idempotency_key_reused');
  return new Set([...codes, ...problems]);
}

function problemOf(
  codes: readonly HttpProblemCode[],
  endpoint: Endpoint,
  headers: ZodOpenApiHeadersObject,
): ZodOpenApiResponseObject {
  const isPassing = codes.some((code) => PASSING.has(code));
  return {
    description: codes.map((code) => `\`${code}\`: ${PROBLEMS[code].title}`).join('; '),
    headers: { ...headers, ...(isPassing && retryAfter) },
    content: {
      'application/problem+json': {
        schema: problemSchema,
        examples: Object.fromEntries(codes.map((code) => [code, { value: exampleOf(code, endpoint) }])),
      },
    },
  };
}

/** Example details and members of problems. */
const EXAMPLES: Partial<Record<HttpProblemCode, { detail: string; extra?: Record<string, unknown> }>> = {
  invalid_request: {
    detail: 'Idempotency-Key: 1 to 255 printable ASCII characters',
    extra: { errors: [{ pointer: 'Idempotency-Key', detail: '1 to 255 printable ASCII characters' }] },
  },
  payment_declined: { detail: 'The payment was declined.', extra: { declineCode: 'insufficient_funds' } },
  out_of_stock: { detail: 'Not enough of MUG-BLUE.', extra: { available: { 'MUG-BLUE': 3 } } },
  price_changed: {
    detail: 'The price of MUG-BLUE has changed; send acceptPrices to accept this.',
    extra: {
      changes: [{ sku: 'MUG-BLUE', was: { amount: 1000, currency: 'GBP' }, now: { amount: 700, currency: 'GBP' } }],
      total: { now: { amount: 700, currency: 'GBP' } },
    },
  },
  version_mismatch: { detail: 'The resource is at version 13, not 12.', extra: { version: 13 } },
};

function exampleOf(code: HttpProblemCode, { path }: Endpoint): Record<string, unknown> {
  const { detail = `${PROBLEMS[code].title}.`, extra } = EXAMPLES[code] ?? {};
  return problemDocument(new HttpProblem(code, detail, {}, extra), path);
}

function isKeyed({ idempotency }: Endpoint): boolean {
  return idempotency === 'required' || idempotency === 'accepted';
}

/** `post /v1/carts/{id}/lines` → `postCartsByIdLines`. */
function operationId({ method, path }: Endpoint): string {
  const words = path
    .replace(/^\/v1/, '')
    .replaceAll(/\{(\w+)\}/g, 'by-$1')
    .split(/[^A-Za-z0-9]+/);
  return method + words.map((word) => word.charAt(0).toUpperCase() + word.slice(1)).join('');
}
