// Checks the parts of a request against an endpoint's schemas and says which field is wrong and what is allowed.
import type { Request } from 'express';
import { z } from 'zod';
import type { Endpoint } from '../../domain/kernel/endpoint.js';
import { inBody, inPath, inQuery, type Path, type Pointer } from './pointers.js';
import { type FieldError, invalidRequest } from './problems.js';
import { findUnfit } from './text.js';

type Issue = z.core.$ZodIssue;

const NOTHING = z.strictObject({});
const NO_BODY = NOTHING.optional();

export interface Schemas {
  params: z.ZodType;
  query: z.ZodType;
  body: z.ZodType;
}

/** An endpoint's schemas as they are enforced: unknown fields are refused, and a part that it does not mention must be empty. */
export function schemasOf({ params, query, body }: Endpoint): Schemas {
  return { params: strict(params ?? NOTHING), query: strict(query ?? NOTHING), body: strict(body ?? NO_BODY) };
}

export interface Input {
  params: unknown;
  query: unknown;
  body: unknown;
}

/** Made once per endpoint. Throws `invalid_request` with every field that is wrong. */
export function validatorOf({ params, query, body }: Schemas): (req: Request, json: unknown) => Input {
  return (req, json) => {
    const errors: FieldError[] = [];
    const input = {
      params: check(params, storable(req.params, inPath), inPath, errors),
      query: check(query, req.url.includes('?') ? storable(req.query, inQuery) : {}, inQuery, errors),
      body: check(body, json, inBody, errors),
    };
    if (errors.length > 0) throw invalidRequest(errors);
    return input;
  };
}

function strict(schema: z.ZodType): z.ZodType {
  return schema instanceof z.ZodObject && schema.def.catchall === undefined ? schema.strict() : schema;
}

/** A body's text is checked where the body is read. */
function storable<T>(part: T, pointer: Pointer): T {
  const unfit = findUnfit(part);
  if (unfit) throw invalidRequest([{ pointer: pointer(unfit.path), detail: unfit.detail }]);
  return part;
}

function check(schema: z.ZodType, value: unknown, pointer: Pointer, errors: FieldError[]): unknown {
  const result = schema.safeParse(value, { error: wordingOf });
  if (result.success) return result.data;
  if (value === undefined) errors.push({ pointer: '', detail: 'a JSON body is required' });
  else for (const issue of result.error.issues) errors.push(...fieldErrors(issue, [], pointer));
  return undefined;
}

/** In words of this API where zod's own are those of a program; `undefined` leaves zod's. */
function wordingOf(issue: z.core.$ZodRawIssue): string | undefined {
  const { code, input, inst } = issue;
  if (input === undefined) return 'is required';
  switch (code) {
    case 'invalid_type':
      return inst instanceof z.ZodNumber ? `must be ${numberIn(inst)}` : undefined;
    case 'too_small':
      return boundIn(issue, issue.inclusive === false ? 'more than' : 'at least', issue.minimum);
    case 'too_big':
      return boundIn(issue, issue.inclusive === false ? 'less than' : 'at most', issue.maximum);
    case 'invalid_value':
      return oneOf(issue.values);
    case 'invalid_union':
      return Array.isArray(issue.options) ? oneOf(issue.options) : undefined;
    case 'invalid_format':
      return issue.format === 'datetime' ? 'must be a time such as 2026-08-31T22:59:59Z' : undefined;
    default:
      return undefined;
  }
}

function oneOf(values: readonly unknown[]): string {
  return `must be ${values.map((value) => JSON.stringify(value)).join(' or ')}`;
}

const COUNTED: Record<string, string> = { string: 'character', array: 'item', record: 'field', object: 'field' };

function boundIn({ origin }: { origin?: unknown }, bound: string, limit: unknown): string {
  const counted = COUNTED[String(origin)];
  return counted ? `must have ${bound} ${limit} ${counted}${limit === 1 ? '' : 's'}` : `must be ${bound} ${limit}`;
}

function numberIn({ isInt, minValue, maxValue }: z.ZodNumber): string {
  const kind = isInt ? 'a whole number' : 'a number';
  const from = (minValue ?? -Infinity) > Number.MIN_SAFE_INTEGER ? minValue : undefined;
  const to = (maxValue ?? Infinity) < Number.MAX_SAFE_INTEGER ? maxValue : undefined;
  if (from === undefined) return to === undefined ? kind : `${kind} of at most ${to}`;
  return to === undefined ? `${kind} of at least ${from}` : `${kind} from ${from} to ${to}`;
}

function fieldErrors(issue: Issue, parent: Path, pointer: Pointer): FieldError[] {
  const path = [...parent, ...issue.path];
  switch (issue.code) {
    case 'unrecognized_keys':
      return issue.keys.map((key) => ({ pointer: pointer([...path, key]), detail: 'is not a known field' }));
    case 'invalid_key':
      return issue.issues.flatMap((inner) => fieldErrors(inner, path, pointer));
    case 'invalid_union':
      if (issue.errors.length > 0) return unionErrors(issue.errors, path, pointer);
  }
  return [{ pointer: pointer(path), detail: issue.message }];
}

/** Of a union's alternatives, the one whose first fault lies deepest is most likely the one that was meant. */
function unionErrors(alternatives: readonly Issue[][], path: Path, pointer: Pointer): FieldError[] {
  const depth = (issues: Issue[]) => issues[0]?.path.length ?? 0;
  const deepest = alternatives.reduce((best, issues) => (depth(issues) > depth(best) ? issues : best));
  if (depth(deepest) > 0) return deepest.flatMap((issue) => fieldErrors(issue, path, pointer));
  const details = alternatives.map(([issue]) => issue?.message);
  return [{ pointer: pointer(path), detail: [...new Set(details)].join(' or ') }];
}
