// Finds the handler of a request by its path. Express tries its routes one after the other, which takes longer than all other
// steps of a query together when there are a hundred of them; here each segment of the path is looked up once.
import type { RequestHandler } from 'express';
import { ownEntry } from '../../domain/kernel/json.js';

/** The handlers of one path, by method in lower case, and the one for all other methods. */
export interface Route {
  /** OpenAPI style: `/v1/carts/{id}/lines`. */
  path: string;
  methods: Readonly<Record<string, RequestHandler>>;
  otherwise: RequestHandler;
}

interface Node {
  literals: Map<string, Node>;
  parameter?: Node;
  route?: Route & { names: readonly string[] };
}

/**
 * Case and trailing slashes matter. A literal segment goes before a parameter: `/carts/current` is not the cart with the id
 * `current`. HEAD is answered as GET. A path that nothing matches goes to the next handler.
 */
export function routing(routes: readonly Route[]): RequestHandler {
  const root: Node = { literals: new Map() };
  for (const route of routes) add(root, route);
  return (req, res, next) => {
    const segments = req.path.split('/');
    const values: string[] = [];
    const found = find(root, segments, 0, values);
    if (!found) return next();
    req.params = Object.fromEntries(found.names.map((name, n) => [name, decoded(values[n]!)]));
    const method = req.method === 'HEAD' ? 'get' : req.method.toLowerCase();
    const handler = ownEntry(found.methods, method) ?? found.otherwise;
    return handler(req, res, next);
  };
}

function add(root: Node, route: Route): void {
  const names: string[] = [];
  let node = root;
  for (const segment of route.path.split('/')) {
    const name = /^\{(\w+)\}$/.exec(segment)?.[1];
    if (name !== undefined) {
      names.push(name);
      node.parameter ??= { literals: new Map() };
      node = node.parameter;
    } else {
      const next: Node = node.literals.get(segment) ?? { literals: new Map() };
      node.literals.set(segment, next);
      node = next;
    }
  }
  if (node.route) throw new Error(`${route.path} and ${node.route.path} must name their parameters alike.`);
  node.route = { ...route, names };
}

/** Parameters of the path are added to `values`. A segment of a parameter has at least one character. */
function find(node: Node, segments: readonly string[], at: number, values: string[]): Node['route'] {
  const segment = segments[at];
  if (segment === undefined) return node.route;
  const literal = node.literals.get(segment);
  const found = literal && find(literal, segments, at + 1, values);
  if (found || !node.parameter || segment === '') return found;
  values.push(segment);
  const below = find(node.parameter, segments, at + 1, values);
  if (!below) values.pop();
  return below;
}

/** Throws a `URIError` with the status 400, as Express does. */
function decoded(segment: string): string {
  if (!segment.includes('%')) return segment;
  try {
    return decodeURIComponent(segment);
  } catch (error) {
    throw Object.assign(error as URIError, { status: 400 });
  }
}
