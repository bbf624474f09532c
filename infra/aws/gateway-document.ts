// The OpenAPI document of the shop as API Gateway takes it: version 3.0, the commands alone, each with its function, its authoriser
// and a check of its form. What API Gateway does not understand is left out, so that it never refuses what the function accepts; the
// function checks everything again.
import type { Endpoint } from '../../domain/kernel/endpoint.js';
import { openApiDocument } from '../http/openapi.js';
import { HttpProblem, type HttpProblemCode, PROBLEMS, problemDocument } from '../http/problems.js';
import type { FunctionName } from '../lambda/functions.js';
import { functionFor } from './routes.js';

type Json = Record<string, unknown>;

export interface GatewayOptions {
  endpoints: readonly Endpoint[];
  name: string;
  /** The ARN by which API Gateway calls a function. */
  invocationArnOf(name: FunctionName): string;
  /** Origins of browsers. Without any, there are no preflight requests. */
  corsOrigins: readonly string[];
}

/** API Gateway gives up after this time. */
const TIMEOUT_MS = 29_000;
/** A token that was accepted is not checked again for this long. The functions check it for every request. */
const AUTHORIZED_FOR_S = 60;
const VALIDATOR = 'form';

export function gatewayDocument({ endpoints, name, invocationArnOf, corsOrigins }: GatewayOptions): Json {
  const commands = endpoints.filter(isCommand);
  const { components, paths: described } = openApiDocument(commands) as unknown as Described;
  const paths: Record<string, Json> = {};
  const models: Json = {};
  for (const endpoint of commands) {
    const { path, method } = endpoint;
    const operation = described[path]?.[method];
    if (!operation) throw new Error(`The OpenAPI document has no ${method} ${path}.`);
    const model = `${operation.operationId}Body`;
    const schema = operation.requestBody?.required
      ? operation.requestBody.content['application/json'].schema
      : undefined;
    if (schema) models[model] = looser(schema, components.schemas);
    const integration = integrationOf(invocationArnOf(functionFor(endpoint)));
    paths[path] ??= corsOrigins.length > 0 ? { options: preflight(path, integration) } : {};
    paths[path][method] = {
      operationId: operation.operationId,
      summary: operation.summary,
      parameters: parametersOf(operation),
      ...(schema && { requestBody: { required: true, content: jsonOf({ $ref: `#/components/schemas/${model}` }) } }),
      responses: ANY_ANSWER,
      security: securityOf(endpoint),
      'x-amazon-apigateway-request-validator': VALIDATOR,
      'x-amazon-apigateway-integration': integration,
    };
  }
  return {
    openapi: '3.0.1',
    info: { title: name, version: '1' },
    paths,
    components: { schemas: models, securitySchemes: securitySchemes(invocationArnOf('authorizer')) },
    'x-amazon-apigateway-request-validators': {
      [VALIDATOR]: { validateRequestBody: true, validateRequestParameters: true },
    },
    'x-amazon-apigateway-gateway-responses': gatewayResponses(corsOrigins),
  };
}

/** Payments of the test provider are for stages without AWS. */
export function isCommand({ method, path }: Pick<Endpoint, 'method' | 'path'>): boolean {
  return method !== 'get' && !path.startsWith('/v1/test-payments/');
}

/** Servers of the shop's owner do the work of staff: they need a key beside their token, which counts them into their plan. */
export function isForServers({ roles }: Pick<Endpoint, 'roles'>): boolean {
  return !roles.includes('public') && !roles.includes('customer');
}

interface Described {
  paths: Record<string, Record<string, Operation>>;
  components: { schemas: Record<string, Json> };
}

interface Operation {
  operationId: string;
  summary: string;
  parameters?: readonly { name: string; in: string; required?: boolean }[];
  requestBody?: { required?: boolean; content: { 'application/json': { schema: Json } } };
}

const ANY_ANSWER = { default: { description: 'See the OpenAPI document of the shop' } };

function securityOf(endpoint: Endpoint): Json[] {
  if (endpoint.roles.includes('public')) return [];
  return [isForServers(endpoint) ? { token: [], key: [] } : { token: [] }];
}

function securitySchemes(authorizerArn: string): Json {
  return {
    token: {
      type: 'apiKey',
      name: 'Authorization',
      in: 'header',
      'x-amazon-apigateway-authtype': 'custom',
      'x-amazon-apigateway-authorizer': {
        type: 'token',
        authorizerUri: authorizerArn,
        authorizerResultTtlInSeconds: AUTHORIZED_FOR_S,
        identityValidationExpression: '(?i)^bearer +[-\\w.~+/=]+$',
      },
    },
    key: { type: 'apiKey', name: 'x-api-key', in: 'header' },
  };
}

function integrationOf(uri: string): Json {
  return {
    type: 'aws_proxy',
    httpMethod: 'POST',
    uri,
    passthroughBehavior: 'when_no_match',
    timeoutInMillis: TIMEOUT_MS,
  };
}

/** The function answers preflights as the local server does. */
function preflight(path: string, integration: Json): Json {
  const names = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name);
  return {
    parameters: names.map((name) => ({ name, in: 'path', required: true, schema: { type: 'string' } })),
    responses: ANY_ANSWER,
    security: [],
    'x-amazon-apigateway-request-validator': VALIDATOR,
    'x-amazon-apigateway-integration': integration,
  };
}

/** Only those that have to be there: API Gateway checks no more than their presence. */
function parametersOf({ parameters = [] }: Operation): Json[] {
  return parameters
    .filter(({ required }) => required)
    .map(({ name, in: place }) => ({ name, in: place, required: true, schema: { type: 'string' } }));
}

function jsonOf(schema: Json): Json {
  return { 'application/json': { schema } };
}

/**
 * The schema in JSON Schema draft 4, with references resolved. Patterns, formats and lengths are left out because they may be
 * read in another way, and unions because API Gateway does not support all of them: what is left accepts at least as much.
 */
export function looser(schema: Json, named: Readonly<Record<string, Json>>): Json {
  const reference = typeof schema.$ref === 'string' ? schema.$ref.split('/').at(-1) : undefined;
  if (reference !== undefined) return looser(named[reference] ?? {}, named);
  const { type, properties, required, items, additionalProperties, minimum, maximum } = schema;
  if (typeof type !== 'string') return schema.const === undefined ? {} : { enum: [schema.const] };
  const loose: Json = { type };
  if (schema.enum !== undefined) loose.enum = schema.enum;
  if (schema.const !== undefined) loose.enum = [schema.const];
  if (minimum !== undefined) loose.minimum = minimum;
  if (maximum !== undefined) loose.maximum = maximum;
  if (properties !== undefined) {
    const entries = Object.entries(properties as Record<string, Json>);
    loose.properties = Object.fromEntries(entries.map(([name, each]) => [name, looser(each, named)]));
  }
  if (Array.isArray(required) && required.length > 0) loose.required = required;
  if (typeof items === 'object' && items !== null) loose.items = looser(items as Json, named);
  if (additionalProperties === false && schema.patternProperties === undefined) loose.additionalProperties = false;
  return loose;
}

/** What API Gateway answers itself has the form of the shop's problems. */
const GATEWAY_PROBLEMS: Readonly<Record<string, { code: HttpProblemCode; detail: string; retryAfterS?: number }>> = {
  ACCESS_DENIED: { code: 'unauthenticated', detail: 'The access token is not valid.' },
  API_CONFIGURATION_ERROR: { code: 'internal_error', detail: 'The API is not configured correctly.' },
  AUTHORIZER_CONFIGURATION_ERROR: { code: 'internal_error', detail: 'The API is not configured correctly.' },
  AUTHORIZER_FAILURE: { code: 'unavailable', detail: 'The access token could not be checked.', retryAfterS: 5 },
  BAD_REQUEST_BODY: { code: 'invalid_request', detail: '$context.error.validationErrorString' },
  BAD_REQUEST_PARAMETERS: { code: 'invalid_request', detail: '$context.error.validationErrorString' },
  DEFAULT_4XX: { code: 'invalid_request', detail: 'The request was refused.' },
  DEFAULT_5XX: { code: 'unavailable', detail: 'The shop did not answer in time.', retryAfterS: 5 },
  INTEGRATION_FAILURE: { code: 'unavailable', detail: 'The shop did not answer.', retryAfterS: 5 },
  INTEGRATION_TIMEOUT: { code: 'unavailable', detail: 'The shop did not answer in time.', retryAfterS: 5 },
  INVALID_API_KEY: { code: 'forbidden', detail: 'x-api-key: the key of a server is missing or wrong.' },
  MISSING_AUTHENTICATION_TOKEN: {
    code: 'not_found',
    detail: 'There is no such command. Queries have another address.',
  },
  QUOTA_EXCEEDED: {
    code: 'rate_limited',
    detail: 'The plan of this key allows no more requests today.',
    retryAfterS: 3_600,
  },
  REQUEST_TOO_LARGE: { code: 'too_large', detail: 'The request is too large.' },
  THROTTLED: { code: 'rate_limited', detail: 'Too many requests at this moment.', retryAfterS: 1 },
  UNAUTHORIZED: { code: 'unauthenticated', detail: 'Authorization: send Bearer and an access token.' },
  UNSUPPORTED_MEDIA_TYPE: { code: 'unsupported_media_type', detail: 'Send application/json.' },
  WAF_FILTERED: { code: 'forbidden', detail: 'The request looks like an attack.' },
};

function gatewayResponses(corsOrigins: readonly string[]): Json {
  const header = (name: string, value: string) => ({ [`gatewayresponse.header.${name}`]: `'${value}'` });
  const [origin, ...more] = corsOrigins;
  return Object.fromEntries(
    Object.entries(GATEWAY_PROBLEMS).map(([type, { code, detail, retryAfterS }]) => [
      type,
      {
        statusCode: PROBLEMS[code].status,
        responseParameters: {
          ...header('Content-Type', 'application/problem+json'),
          ...(retryAfterS !== undefined && header('Retry-After', String(retryAfterS))),
          ...(origin !== undefined && more.length === 0 && header('Access-Control-Allow-Origin', origin)),
        },
        responseTemplates: {
          'application/json': JSON.stringify(problemDocument(new HttpProblem(code, detail), '$context.path')),
        },
      },
    ]),
  );
}
