// Validates every request and answer of the stand-in against Stripe's own OpenAPI document (its payments part).
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { z } from 'zod';
import { invalidRequest, type StripeRefusal } from './errors.js';
import type { Form } from './form.js';

const DOCUMENT =
  process.env.STRIPE_OPENAPI ?? join(import.meta.dirname, '../../../shared/data/stripe-openapi-payments.json.gz');

/** The parts of the document's schemas that matter. Titles, formats and Stripe's extensions are ignored. */
interface Schema {
  $ref?: string;
  type?: string;
  enum?: unknown[];
  nullable?: boolean;
  required?: string[];
  maxLength?: number;
  pattern?: string;
  properties?: Record<string, Schema>;
  additionalProperties?: boolean | Schema;
  items?: Schema;
  anyOf?: Schema[];
}

interface Document {
  paths: Record<string, Record<string, { query: { name: string; schema: Schema }[]; body?: Schema; ok: Schema }>>;
  schemas: Record<string, Schema>;
}

export interface StripeContract {
  /** Stripe's error for parameters that its document does not allow, or undefined. */
  refusalOf(route: string, params: Form): StripeRefusal | undefined;
  /** The difference between an answer or event and the document, or undefined. */
  faultOf(route: string | undefined, answer: { object?: string; error?: unknown }): string | undefined;
}

let loaded: StripeContract | 'absent' | undefined;

/** The contract. If the document is not available, prints a message once and returns undefined. */
export function stripeContract(): StripeContract | undefined {
  if (loaded === undefined) {
    if (!existsSync(DOCUMENT)) {
      console.warn(
        `SKIPPED: Stripe's OpenAPI document judges no request and no answer: set STRIPE_OPENAPI to its file.`,
      );
      loaded = 'absent';
    } else {
      const bytes = readFileSync(DOCUMENT);
      loaded = createContract(JSON.parse((DOCUMENT.endsWith('.gz') ? gunzipSync(bytes) : bytes).toString()));
    }
  }
  return loaded === 'absent' ? undefined : loaded;
}

function createContract(document: Document): StripeContract {
  const kinds = mapValues(document.schemas, (schema) => convert(schema));
  const answers = new Map<string, Schema>(SERVED.map((kind) => [kind, { $ref: `#/definitions/${kind}` }]));
  const requests = new Map<string, z.ZodType>();
  for (const [path, operations] of Object.entries(document.paths)) {
    for (const [method, { query, body, ok }] of Object.entries(operations)) {
      const route = `${method.toUpperCase()} ${path}`;
      const named = { type: 'object', properties: Object.fromEntries(query.map(({ name, schema }) => [name, schema])) };
      requests.set(route, compile(convert(method === 'get' ? named : (body ?? named), true)));
      // The payments part lacks some of the schemas that it refers to.
      if (!ok.$ref || nameOf(ok.$ref) in kinds) answers.set(route, convert(ok));
    }
  }
  // Compiled together, so that shared schemas are compiled once.
  const judges = compile({ type: 'object', properties: Object.fromEntries(answers), definitions: kinds }).shape;

  return {
    refusalOf(route, params) {
      const result = requests.get(route)?.safeParse(params);
      return result?.error && refusal(deepest(result.error.issues));
    },
    faultOf(route, answer) {
      const kind = answer.error ? 'error' : String(answer.object);
      const judge = (answer.error ? undefined : judges[String(route)]) ?? judges[kind];
      const error = judge?.unwrap().safeParse(answer).error;
      return error && `${kind}: ${z.prettifyError(error)}`;
    },
  };
}

/** Kinds of objects in answers or events that no served path of the document describes. */
const SERVED = ['charge', 'dispute', 'error', 'event', 'payment_intent', 'payment_method', 'refund'];

type Compiled = z.ZodObject<Record<string, z.ZodOptional<z.ZodType>>>;

function compile(schema: object): Compiled {
  return z.fromJSONSchema(schema as z.core.JSONSchema.JSONSchema, { defaultTarget: 'openapi-3.0' }) as Compiled;
}

/** Objects are closed: Stripe rejects unknown parameters and returns no unknown fields. A form contains only text. */
function convert(schema: Schema, form = false): Schema {
  if (schema.$ref) return { $ref: `#/definitions/${nameOf(schema.$ref)}` };
  if (form && schema.type === 'integer') return { type: 'string', pattern: '^-?\\d+$' };
  if (form && schema.type === 'number') return { type: 'string', pattern: '^-?[\\d.]+$' };
  if (form && schema.type === 'boolean') return { type: 'string', enum: ['true', 'false'] };
  const { type, nullable, required, maxLength, pattern, properties, additionalProperties, items, anyOf } = schema;
  const more = typeof additionalProperties === 'object' ? convert(additionalProperties, form) : additionalProperties;
  return {
    ...(type && { type }),
    ...(nullable && { nullable }),
    ...(required && { required }),
    ...(maxLength && { maxLength }),
    ...(pattern && { pattern }),
    ...(schema.enum && { enum: schema.enum }),
    ...(properties && { properties: mapValues(properties, (property) => convert(property, form)) }),
    ...((properties || more !== undefined) && { additionalProperties: more ?? false }),
    ...(items && { items: convert(items, form) }),
    ...(anyOf && { anyOf: anyOf.map((one) => convert(one, form)) }),
  };
}

function nameOf(reference: string): string {
  return reference.replace('#/components/schemas/', '');
}

function mapValues<A, B>(record: Record<string, A>, map: (value: A) => B): Record<string, B> {
  return Object.fromEntries(Object.entries(record).map(([name, value]) => [name, map(value)]));
}

type Issue = z.core.$ZodIssue;

/** The first form of an alternative is the intended one. The others are the empty text that unsets a parameter. */
function deepest(issues: readonly Issue[]): Issue {
  const [issue] = issues as [Issue];
  const meant = issue.code === 'invalid_union' ? issue.errors[0] : undefined;
  if (!meant || meant.length === 0) return issue;
  const inner = deepest(meant);
  return { ...inner, path: [...issue.path, ...inner.path] };
}

function refusal(issue: Issue): StripeRefusal {
  const path = issue.path.map(String);
  const param = (extra: string[]) => [...path, ...extra].map((part, at) => (at === 0 ? part : `[${part}]`)).join('');
  if (issue.code === 'unrecognized_keys') {
    const name = param(issue.keys.slice(0, 1));
    return invalidRequest(`Received unknown parameter: ${name}`, { code: 'parameter_unknown', param: name });
  }
  const name = param([]);
  if (issue.code === 'invalid_type' && issue.message.endsWith('received undefined')) {
    return invalidRequest(`Missing required param: ${name}.`, { code: 'parameter_missing', param: name });
  }
  return invalidRequest(`Invalid ${name}: ${issue.message}`, { param: name });
}
