// Turns one endpoint into an Express handler: authenticates, validates, executes (once, if keyed), answers.
import type { Request, RequestHandler, Response } from 'express';
import type { Clock } from '../../domain/kernel/clock.js';
import type { Endpoint, EndpointRequest } from '../../domain/kernel/endpoint.js';
import { canonicalJson, defined } from '../../domain/kernel/json.js';
import type { Seal, SealFor } from '../../domain/kernel/seal.js';
import type { Admit } from './admission.js';
import { type Answer, answerOf, finish, finishInParts, notModified } from './answer.js';
import { readJson, readSigned } from './body.js';
import { ANONYMOUS, authorise } from './caller.js';
import { contextOf } from './context.js';
import { expectedVersionOf, knownTagsOf } from './entity-tags.js';
import { idempotencyKeyOf, waitMsOf } from './headers.js';
import { issuerOf } from './issuing.js';
import type { HttpMetrics } from './metrics.js';
import type { Once } from './once.js';
import { type Input, schemasOf, validatorOf } from './validation.js';
import type { SendChanges } from './watch.js';

export interface MountDeps {
  admit: Admit;
  once: Once;
  cursors: SealFor;
  metrics: HttpMetrics;
  clock: Clock;
  sendChanges: SendChanges;
}

export function handlerOf(endpoint: Endpoint, deps: MountDeps): RequestHandler {
  const { admit, once, cursors, metrics, clock, sendChanges } = deps;
  const { method, path, roles, idempotency, signedBy, isWatched } = endpoint;
  const isAnonymous = roles.every((role) => role === 'public');
  const isCommand = method !== 'get';
  /** PUT on a resource path may create the resource. */
  const mayMake = method === 'put' && path.endsWith('}');
  const takesKey = idempotency === 'required' || idempotency === 'accepted';
  const validate = validatorOf(schemasOf(endpoint));
  const observe = metrics.route(method, path);

  return async (req: Request, res: Response) => {
    const context = contextOf(res);
    context.observe = observe;
    context.route = path;
    const admitted = await admit(req, res, endpoint);
    authorise(endpoint, admitted);
    // These endpoints ignore the caller's identity, so the scope of an idempotency key is the same with and without a token.
    const caller = isAnonymous ? ANONYMOUS : admitted;
    context.seen = context.tokens.decode(req.get('consistency-token'));
    const { requestId, seen, instance, address = '' } = context;
    const waitMs = waitMsOf(req.headers);
    const expectedVersion = isCommand ? expectedVersionOf(req.headers, mayMake) : undefined;
    const known = isCommand ? undefined : knownTagsOf(req.headers);
    const key = takesKey ? idempotencyKeyOf(req.headers, idempotency === 'required') : undefined;
    const signed = signedBy === undefined ? undefined : await readSigned(req, res, signedBy);
    const json = isCommand && !signed ? await readJson(req, res) : undefined;
    const input = await validate(req, json, (params) => endpoint.find?.({ params, caller }));

    const execute = async (keyed?: { seed: string; issuedAt: number }): Promise<Answer> => {
      const issue = { caller, requestId, clock, expectedVersion, ...defined({ keyed }) };
      const request: EndpointRequest = {
        ...input,
        caller,
        requestId,
        address,
        seen,
        waitMs,
        cursors: sealOnUse(() => cursors(listOf(path, input))),
        ...issuerOf(issue),
        ...defined({ signed }),
      };
      return answerOf(await endpoint.handle(request));
    };

    const answer = await (key === undefined
      ? execute()
      : once(
          {
            caller,
            scope: JSON.stringify([caller.role, caller.id, method, path, input.params, key]),
            content: canonicalJson([json, req.query, expectedVersion]),
            instance,
          },
          execute,
        ));
    if (isWatched) return sendChanges(req, res, `${caller.role} ${caller.id}`, answer, execute);
    if (answer.stream) return finishInParts(res, answer, answer.stream);
    finish(res, answer.status === 200 && known?.include(answer.headers.ETag) ? notModified(answer) : answer);
  };
}

/** Most requests have no cursor. */
function sealOnUse(make: () => Seal): Seal {
  return { seal: (text) => make().seal(text), open: (sealed) => make().open(sealed) };
}

/**
 * Identifies a list for its cursors. Pages of one list may differ in size; another filter, order or parameter makes another list.
 */
function listOf(path: string, { params, query }: Input): string {
  const { limit, after, ...asked } = query as Record<string, unknown>;
  return JSON.stringify([path, params, asked]);
}
