// A function of the API: mounts the endpoints that it serves as the local server does, for events of the load balancer and of API
// Gateway.
import { configure } from '@codegenie/serverless-express';
import type { ALBEvent, ALBResult, APIGatewayProxyEvent, APIGatewayProxyResult } from 'aws-lambda';
import { defined } from '../../domain/kernel/json.js';
import { answerOf, answerOfProblem } from '../http/answer.js';
import { createApi, type Pages } from '../http/api.js';
import { HttpProblem, invalidRequest } from '../http/problems.js';
import type { Background } from '../mail/in-background.js';
import { recordParts } from '../modules/aws/records.js';
import { redisParts } from '../modules/aws/redis.js';
import { endpointParts } from '../modules/endpoints.js';
import { constant, lazy, type Parts } from '../modules/parts.js';
import { before, type Handler, handlerOf } from './invocation.js';
import { absent, type FunctionRecipes, type OpenFunction, standIn } from './open.js';
import { type ApiFunctionName, functionOf } from './services.js';

type ApiEvent = APIGatewayProxyEvent | ALBEvent;
type ApiResult = APIGatewayProxyResult | ALBResult;

const PAGES: Pages = { '/healthz': async () => answerOf({ status: 200, body: { status: 'up' } }) };

/** For functions that never ask for money. What they show of payments they read in the log. */
const WITHOUT_PAYMENTS: Parts['paymentService'] = {
  name: 'stripe',
  providers: {},
  methods: standIn('methods') as never,
  ...defined({ publishableKey: process.env.STRIPE_PUBLISHABLE_KEY }),
};

export function apiHandler(name: ApiFunctionName, recipes: FunctionRecipes = {}): Handler<ApiEvent, ApiResult> {
  let mounted: Promise<Handler<ApiEvent, ApiResult>> | undefined;
  const mount = async (shop: OpenFunction) => {
    const app = createApi({ ...(await shop.get('api')), pages: PAGES, isBuffered: true });
    return configure<ApiEvent, ApiResult>({ app }) as unknown as Handler<ApiEvent, ApiResult>;
  };
  return handlerOf<ApiEvent, ApiResult>(apiRecipes(name, recipes), async (event, { shop, deadline, context }) => {
    mounted ??= mount(shop);
    mounted.catch(() => {
      mounted = undefined;
    });
    const serve = await mounted;
    if (!isReadable(event))
      return refusal(event, invalidRequest([{ pointer: '', detail: 'the query is not encoded' }]));
    try {
      const answer = await before(deadline, serve(event, context));
      await settled(await shop.get('background'), deadline);
      return answer;
    } catch (error) {
      if (!deadline.aborted) throw error;
      const detail = 'The request took too long. It may still have been carried out: repeat it with the same key.';
      return refusal(event, new HttpProblem('unavailable', detail, { 'Retry-After': '1' }));
    }
  });
}

export function apiRecipes(name: ApiFunctionName, recipes: FunctionRecipes): FunctionRecipes {
  return {
    ...recordParts,
    ...redisParts,
    ...endpointParts,
    paymentEndpoints: constant([]),
    paymentService: constant(WITHOUT_PAYMENTS),
    ...absent('archiveQueries', 'queriesOf', 'viewStream'),
    ...recipes,
    endpoints: (parts) => {
      const all = endpointParts.endpoints(parts);
      return lazy(async () => (await all.make()).filter((endpoint) => functionOf(endpoint) === name));
    },
  };
}

/** Waits for mails that the request sends, because nothing goes on after the answer. Work that takes too long is left. */
export async function settled({ settled: done }: Pick<Background, 'settled'>, deadline: AbortSignal): Promise<void> {
  await before(deadline, done()).catch(() => {});
}

/** The load balancer passes the query on as it came, and the library decodes it. */
function isReadable({ queryStringParameters, multiValueQueryStringParameters }: ApiEvent): boolean {
  try {
    for (const [name, values] of Object.entries({ ...queryStringParameters, ...multiValueQueryStringParameters }))
      for (const text of [name, ...[values].flat()]) decodeURIComponent(text ?? '');
    return true;
  } catch {
    return false;
  }
}

function refusal(event: ApiEvent, problem: HttpProblem): ApiResult {
  const { status: statusCode, headers, body = '' } = answerOfProblem(problem, event.path);
  const multiValueHeaders = Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, [value]]));
  return { statusCode, body, isBase64Encoded: false, ...(event.headers ? { headers } : { multiValueHeaders }) };
}
