// Validates the parts of a request against an endpoint's schemas, and reports the wrong fields and the allowed values.
import type { Request } from 'express';
import { z } from 'zod';
import type { Endpoint } from '../../domain/kernel/endpoint.js';
import { type FieldError, MAX_NAMED_FIELDS } from '../../domain/kernel/errors.js';
import { findFirstFaults } from './first-faults.js';
import { MAX_VALUES_AT_ONCE } from './limits.js';
import { inBody, inPath, inQuery, type Path, type Pointer } from './pointers.js';
import { invalidRequest } from './problems.js';
import { findUnfit } from './text.js';

type ZodIssue = z.core.$ZodIssue;

const NOTHING = z.strictObject({});
const NO_BODY = NOTHING.optional();

export interface Schemas {
  params: z.ZodType;
  query: z.ZodType;
  body: z.ZodType;
}

/** An endpoint's schemas as they are enforced: unknown fields are rejected, and a part without a schema must be empty. */
export function schemasOf({ params, query, body }: Endpoint): Schemas {
  return { params: strict(params ?? NOTHING), query: strict(query ?? NOTHING), body: strict(body ?? NO_BODY) };
}

export interface Input {
  params: unknown;
  query: unknown;
  body: unknown;
}

/** The cost of validating one request: values that were given to a schema, nested ones included, and errors found. */
export interface Work {
  judged: number;
  faults: number;
}

/** Looks up the resource that the path names. Throws `not_found`. */
type Find = (params: unknown) => Promise<unknown> | undefined;

/**
 * Made once per endpoint. Throws `invalid_request` with the first `MAX_NAMED_FIELDS` errors. If only the body is wrong, the
 * resource of the path is looked up first.
 */
export function validatorOf({ params, query, body }: Schemas) {
  const takesNothing = query === NOTHING;
  return async (
    req: Pick<Request, 'params' | 'query' | 'url'>,
    json: unknown,
    find: Find,
    work: Work = { judged: 0, faults: 0 },
  ): Promise<Input> => {
    const errors: FieldError[] = [];
    const input = {
      params: check(params, req.params, inPath, errors, work),
      query:
        takesNothing && !req.url.includes('?') ? {} : check(query, singly(req.query, errors), inQuery, errors, work),
    };
    const isFindable = errors.length === 0;
    const judged = check(body, json, inBody, errors, work);
    if (errors.length === 0) return { ...input, body: judged };
    if (isFindable) await find(input.params);
    throw invalidRequest(errors);
  };
}

/** Keeps parameters that occur once. A repeated parameter is an error, because its meaning would be a guess. */
function singly(query: Request['query'], errors: FieldError[]): Request['query'] {
  const isRepeated = (name: string) => Array.isArray(query[name]);
  for (const name of Object.keys(query).filter(isRepeated)) {
    errors.push({ pointer: inQuery([name]), detail: 'is given more than once' });
  }
  return Object.fromEntries(Object.entries(query).filter(([name]) => !isRepeated(name)));
}

function strict(schema: z.ZodType): z.ZodType {
  return schema instanceof z.ZodObject && schema.def.catchall === undefined ? schema.strict() : schema;
}

function check(schema: z.ZodType, value: unknown, pointer: Pointer, errors: FieldError[], work: Work): unknown {
  const isMissing = value === undefined;
  if (isMissing && schema === NO_BODY) return undefined;
  const unfit = findUnfit(value);
  if (unfit) return void errors.push({ pointer: pointer(unfit.path), detail: unfit.detail });

  function judge(schema: z.ZodType, value: unknown) {
    const result = schema.safeParse(value, { error: wordingOf });
    const issues = result.error?.issues ?? [];
    work.judged += sizeOf(value, Number.POSITIVE_INFINITY);
    work.faults += issues.length;
    return { issues, data: result.data };
  }
  function found(issue: ZodIssue, at: Path): void {
    if (isMissing) errors.push({ pointer: '', detail: 'a JSON body is required' });
    else errors.push(...fieldErrors(issue, at, pointer));
  }

  if (sizeOf(value, MAX_VALUES_AT_ONCE) > MAX_VALUES_AT_ONCE) {
    const before = errors.length;
    findFirstFaults(schema, value, {
      judge: (schema, value) => judge(schema, value).issues,
      found,
      isEnough: () => errors.length >= MAX_NAMED_FIELDS,
    });
    if (errors.length > before) return undefined;
  }
  const { issues, data } = judge(schema, value);
  for (const issue of issues) found(issue, []);
  return data;
}

/** Number of values in a JSON value, itself included. Counting stops at `enough`. */
function sizeOf(value: unknown, enough: number): number {
  let size = 1;
  if (typeof value !== 'object' || value === null) return size;
  for (const item of Object.values(value)) {
    if (size > enough) return size;
    size += sizeOf(item, enough - size);
  }
  return size;
}

/** Replaces zod messages that are written for programmers. `undefined` keeps zod's message. */
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

function fieldErrors(issue: ZodIssue, parent: Path, pointer: Pointer): FieldError[] {
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

/** Picks the alternative of a union whose first error is deepest: the caller most likely meant that one. */
function unionErrors(alternatives: readonly ZodIssue[][], path: Path, pointer: Pointer): FieldError[] {
  const depth = (issues: ZodIssue[]) => issues[0]?.path.length ?? 0;
  const deepest = alternatives.reduce((best, issues) => (depth(issues) > depth(best) ? issues : best));
  if (depth(deepest) > 0) return deepest.flatMap((issue) => fieldErrors(issue, path, pointer));
  const details = alternatives.map(([issue]) => issue?.message);
  return [{ pointer: pointer(path), detail: [...new Set(details)].join(' or ') }];
}
