// Events that start Lambda functions, in the shapes that AWS documents, and the answers of both fronts.
import { randomBytes } from 'node:crypto';
import type {
  ALBEvent,
  APIGatewayProxyEvent,
  Context,
  EventBridgeEvent,
  KinesisStreamEvent,
  SQSEvent,
} from 'aws-lambda';

export interface Answer {
  status: number;
  headers: Record<string, string>;
  // biome-ignore lint/suspicious/noExplicitAny: JSON
  body: any;
}

let sequence = 0n;

/** https://docs.aws.amazon.com/lambda/latest/dg/with-kinesis.html */
export function recordOf(data: Buffer, partitionKey: string): KinesisStreamEvent['Records'][number] {
  const sequenceNumber = String(49590338271490256608559692538361571095921575989136588898n + sequence++);
  return {
    kinesis: {
      kinesisSchemaVersion: '1.0',
      partitionKey,
      sequenceNumber,
      data: data.toString('base64'),
      approximateArrivalTimestamp: Date.now() / 1000,
    },
    eventSource: 'aws:kinesis',
    eventVersion: '1.0',
    eventID: `shardId-000000000006:${sequenceNumber}`,
    eventName: 'aws:kinesis:record',
    invokeIdentityArn: 'arn:aws:iam::123456789012:role/lambda-role',
    awsRegion: 'eu-west-1',
    eventSourceARN: 'arn:aws:kinesis:eu-west-1:123456789012:stream/shop-commits',
  };
}

/** https://docs.aws.amazon.com/lambda/latest/dg/kinesis-on-failure-destination.html, in a message of SQS. */
export function lostBatch(): SQSEvent {
  const body = {
    requestContext: {
      requestId: 'c9b8fa9f',
      functionArn: 'arn',
      condition: 'RetryAttemptsExhausted',
      approximateInvokeCount: 1,
    },
    responseContext: { statusCode: 200, executedVersion: '$LATEST', functionError: 'Unhandled' },
    version: '1.0',
    timestamp: '2026-11-14T00:38:06.021Z',
    KinesisBatchInfo: {
      shardId: 'shardId-000000000001',
      startSequenceNumber: '49601189658422359378836298521827638475320189012309704722',
      endSequenceNumber: '49601189658422359378836298522902373528957594348623495186',
      approximateArrivalOfFirstRecord: '2026-11-14T00:38:04.835Z',
      approximateArrivalOfLastRecord: '2026-11-14T00:38:05.580Z',
      batchSize: 500,
      streamArn: 'arn:aws:kinesis:eu-west-1:123456789012:stream/shop-commits',
    },
  };
  return {
    Records: [
      {
        messageId: '059f36b4-87a3-44ab-83d2-661975830a7d',
        receiptHandle: 'AQEBwJnKyrHigUMZj6rYigCgxlaS3SLy0a',
        body: JSON.stringify(body),
        attributes: {
          ApproximateReceiveCount: '1',
          SentTimestamp: '1545082649183',
          SenderId: 'AIDAIENQZJOLO23YVJ4VO',
          ApproximateFirstReceiveTimestamp: '1545082649185',
        },
        messageAttributes: {},
        md5OfBody: 'e4e68fb7bd0e697a0ae8f1bb342846b3',
        eventSource: 'aws:sqs',
        eventSourceARN: 'arn:aws:sqs:eu-west-1:123456789012:lost-batches',
        awsRegion: 'eu-west-1',
      },
    ],
  };
}

export function scheduled(): EventBridgeEvent<'Scheduled Event', unknown> {
  return {
    version: '0',
    id: '53dc4d37-cffa-4f76-80c9-8b7d4a4d2eaa',
    'detail-type': 'Scheduled Event',
    source: 'aws.events',
    account: '123456789012',
    time: '2026-11-08T16:53:06Z',
    region: 'eu-west-1',
    resources: ['arn:aws:events:eu-west-1:123456789012:rule/my-scheduled-rule'],
    detail: {},
  };
}

export interface Asked {
  httpMethod: string;
  path: string;
  token: string | undefined;
  /** As JSON, or as it is. */
  body: object | string;
  headers?: Record<string, string>;
}

/** https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-lambda-proxy-integrations.html */
export function apiGatewayEvent({ httpMethod, path, token, body, headers: more }: Asked): APIGatewayProxyEvent {
  const headers: Record<string, string> = {
    'Content-Type': 'application/json',
    Host: 'abc123.execute-api.eu-west-1.amazonaws.com',
    'Idempotency-Key': randomBytes(8).toString('hex'),
    'X-Forwarded-For': '203.0.113.7',
    'X-Forwarded-Proto': 'https',
    ...(token && { Authorization: `Bearer ${token}` }),
    ...more,
  };
  return {
    resource: '/{proxy+}',
    path,
    httpMethod,
    headers,
    multiValueHeaders: Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, [value]])),
    queryStringParameters: null,
    multiValueQueryStringParameters: null,
    pathParameters: { proxy: path.slice(1) },
    stageVariables: null,
    requestContext: {
      accountId: '123456789012',
      apiId: 'abc123',
      authorizer: { principalId: 'x', role: 'customer' },
      protocol: 'HTTP/1.1',
      httpMethod,
      identity: { sourceIp: '203.0.113.7', userAgent: 'tests' } as never,
      path: `/prod${path}`,
      requestId: randomBytes(8).toString('hex'),
      requestTimeEpoch: Date.now(),
      resourceId: '123456',
      resourcePath: '/{proxy+}',
      stage: 'prod',
    },
    body: typeof body === 'string' ? body : JSON.stringify(body),
    isBase64Encoded: false,
  };
}

/** https://docs.aws.amazon.com/elasticloadbalancing/latest/application/lambda-functions.html, with multi-value headers. */
export function albEvent(asked: {
  path: string;
  headers: Record<string, string>;
  query: Record<string, string>;
}): ALBEvent {
  const headers = {
    accept: 'application/json',
    host: 'shop-alb.eu-west-1.elb.amazonaws.com',
    'x-forwarded-for': '203.0.113.7',
    'x-forwarded-port': '443',
    'x-forwarded-proto': 'https',
    ...asked.headers,
  };
  return {
    requestContext: { elb: { targetGroupArn: 'arn:aws:elasticloadbalancing:eu-west-1:123456789012:targetgroup/q/1' } },
    httpMethod: 'GET',
    path: asked.path,
    multiValueQueryStringParameters: Object.fromEntries(
      Object.entries(asked.query).map(([name, value]) => [name, [value]]),
    ),
    multiValueHeaders: Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, [value]])),
    body: '',
    isBase64Encoded: false,
  };
}

// biome-ignore lint/suspicious/noExplicitAny: the answer of either front
export function answerOf(result: any): Answer {
  const headers = result.headers ?? {};
  for (const [name, values] of Object.entries(result.multiValueHeaders ?? {})) headers[name] = (values as string[])[0];
  return { status: result.statusCode, headers, body: result.body ? JSON.parse(result.body) : undefined };
}

/** What is left of an invocation, in ms. The functions stop a second before. */
export function contextOf(leftMs = 60_000): Context {
  const endsAt = Date.now() + leftMs;
  return {
    functionName: 'tests',
    awsRequestId: randomBytes(8).toString('hex'),
    getRemainingTimeInMillis: () => Math.max(0, endsAt - Date.now()),
  } as Context;
}
