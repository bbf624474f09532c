// Which function answers which request: of an endpoint, and of the paths that the load balancer knows.
import type { Endpoint } from '../../domain/kernel/endpoint.js';
import { FUNCTIONS, type FunctionName } from '../lambda/functions.js';
import { functionOf } from '../lambda/services.js';

type Addressed = Pick<Endpoint, 'method' | 'path' | 'signedBy'>;

/** Throws if the function of the endpoint is not in the list of functions. */
export function functionFor(endpoint: Addressed): FunctionName {
  const name = functionOf(endpoint);
  if (!(name in FUNCTIONS)) throw new Error(`${endpoint.path}: there is no function ${name}.`);
  return name as FunctionName;
}

export interface PathRule {
  target: FunctionName;
  /** Patterns of the load balancer, where `*` also stands for slashes. */
  patterns: readonly string[];
}

/** The most values that the conditions of one rule may have. */
const MAX_VALUES = 5;

/** Rules for all queries. No path matches two rules, so their order does not matter. */
export function rulesFor(endpoints: readonly Addressed[]): PathRule[] {
  const queries = endpoints.filter(({ method }) => method === 'get');
  const starts = new Map(queries.map((endpoint) => [startOf(endpoint.path, queries), functionFor(endpoint)]));
  const rules: { target: FunctionName; patterns: string[] }[] = [];
  for (const [start, target] of starts) {
    const fitting = rules.find((rule) => rule.target === target && rule.patterns.length + 2 <= MAX_VALUES);
    if (fitting) fitting.patterns.push(start, `${start}/*`);
    else rules.push({ target, patterns: [start, `${start}/*`] });
  }
  return rules;
}

/** The shortest start of the path, from `/v1/…` on, below which all queries have the same function. */
function startOf(path: string, queries: readonly Addressed[]): string {
  const segments = path.split('/');
  for (let length = 3; length <= segments.length; length++) {
    const start = segments.slice(0, length).join('/');
    const below = queries.filter((each) => `${each.path}/`.startsWith(`${start}/`));
    if (new Set(below.map(functionFor)).size === 1) return start.replaceAll(/\{\w+\}/g, '*');
  }
  throw new Error(`${path} is above the path of a query that another function answers.`);
}
