// Calls the Lambda function that has the payment provider, and waits for its answer.
import { InvokeCommand, LambdaClient } from '@aws-sdk/client-lambda';
import { Unavailable } from '../../domain/kernel/errors.js';
import { type AwsOptions, clientConfig } from '../aws.js';
import { type Caller, ENGINE } from './remote-payments.js';

/** The request that waits has to end before API Gateway gives up on it, after 29 s. */
const TIMEOUT_MS = 20_000;

export function lambdaCaller({ name, ...options }: AwsOptions & { name: string }): { call: Caller; close(): void } {
  const client = new LambdaClient(clientConfig(options, TIMEOUT_MS));
  return {
    close: () => client.destroy(),
    async call(call) {
      const Payload = Buffer.from(JSON.stringify(call));
      const { FunctionError, Payload: answer } = await client
        .send(new InvokeCommand({ FunctionName: name, Payload }))
        .catch((cause) => {
          throw Object.assign(new Unavailable(ENGINE, (cause as Error).message), { cause });
        });
      const text = Buffer.from(answer ?? []).toString();
      if (FunctionError) throw new Unavailable(ENGINE, `the function failed: ${text}`);
      return JSON.parse(text);
    },
  };
}
