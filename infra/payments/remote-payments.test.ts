import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect } from 'chai';
import { Problem, Unavailable } from '../../domain/kernel/errors.js';
import { lambdaCaller } from './lambda-caller.js';
import { answering, remotePayments } from './remote-payments.js';
import { createTestProvider } from './test-provider.js';

const AUTHORISATION = {
  key: 'payment_1/authorisation',
  paymentId: 'payment_1',
  orderId: 'order_1',
  amount: { amount: 1500, currency: 'GBP' },
  method: 'pm_card_visa',
  offSession: false,
};

const methods = {
  of: async () => [{ id: 'pm_1', brand: 'visa' }],
  save: async () => {
    throw new Problem('payment_declined', 'The bank refuses this card.', { reason: 'card_declined' } as never);
  },
  remove: async () => {},
  forget: async () => {
    throw new TypeError('a mistake');
  },
};

describe('The payment provider of another function', () => {
  let lambda: Server;
  let asked: string[];
  let close: () => void;
  let remote: ReturnType<typeof remotePayments>;

  /** Stands in for Lambda's Invoke: https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html. */
  before(async () => {
    const answer = answering({ provider: createTestProvider(), methods });
    lambda = createServer(async (request, response) => {
      const chunks: Buffer[] = [];
      for await (const chunk of request) chunks.push(chunk as Buffer);
      asked.push(`${request.method} ${request.url}`);
      try {
        response.end(JSON.stringify(await answer(JSON.parse(Buffer.concat(chunks).toString()))));
      } catch (error) {
        const { name: errorType, message: errorMessage } = error as Error;
        response.setHeader('X-Amz-Function-Error', 'Unhandled').end(JSON.stringify({ errorType, errorMessage }));
      }
    });
    await new Promise<void>((resolve) => lambda.listen(0, '127.0.0.1', resolve));
    const { port } = lambda.address() as AddressInfo;
    const endpoint = `http://127.0.0.1:${port}`;
    const { call, close: end } = lambdaCaller({ region: 'eu-west-1', name: 'shop-payment-provider:live', endpoint });
    close = end;
    remote = remotePayments(call);
  });
  beforeEach(() => {
    asked = [];
  });
  after(async () => {
    close();
    await new Promise((resolve) => lambda.close(resolve));
  });

  it('answers as the provider itself', async () => {
    const local = createTestProvider();
    const there = await remote.provider.authorise(AUTHORISATION);
    expect(there.status).to.equal('authorised');
    expect(there).to.deep.equal(await local.authorise(AUTHORISATION));
    const operation = { key: 'payment_1/void', paymentId: 'payment_1', of: AUTHORISATION };
    expect(await remote.provider.void(operation)).to.equal(undefined);
    expect(await remote.methods.of('customer_1')).to.deep.equal([{ id: 'pm_1', brand: 'visa' }]);
    expect(asked[0]).to.equal('POST /2015-03-31/functions/shop-payment-provider%3Alive/invocations');
  });

  it('throws the problems of the provider, with their facts', async () => {
    const error = await remote.methods.save('customer_1', 'pm_x', {} as never).catch((thrown) => thrown);
    expect(error).to.be.instanceOf(Problem);
    expect({ code: error.code, message: error.message, facts: error.facts }).to.deep.equal({
      code: 'payment_declined',
      message: 'The bank refuses this card.',
      facts: { reason: 'card_declined' },
    });
  });

  it('leaves the outcome unknown if the function fails, or does not answer', async () => {
    const failed = await remote.methods.forget('customer_1').catch((thrown) => thrown);
    expect(failed).to.be.instanceOf(Unavailable);
    expect(failed.message).to.include('a mistake');
    const nowhere = lambdaCaller({ region: 'eu-west-1', name: 'x', endpoint: 'http://127.0.0.1:1' });
    const away = await remotePayments(nowhere.call)
      .provider.authorise(AUTHORISATION)
      .catch((thrown) => thrown);
    expect(away).to.be.instanceOf(Unavailable);
    nowhere.close();
  });

  it('makes no other calls than those of its ports', async () => {
    const answer = answering({ provider: createTestProvider(), methods });
    for (const call of [
      { port: 'provider', operation: 'constructor', args: [] },
      { port: 'methods', operation: 'authorise', args: [] },
      { port: 'process', operation: 'exit', args: [] },
      'text',
    ]) {
      expect(await answer(call).catch((error: Error) => error.name)).to.equal('ZodError');
    }
  });
});
