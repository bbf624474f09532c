// Stripe's errors: an HTTP status and the error object of the answer.

export interface StripeErrorBody {
  type: 'api_error' | 'card_error' | 'idempotency_error' | 'invalid_request_error';
  message: string;
  code?: string;
  decline_code?: string;
  param?: string;
  charge?: string;
  payment_intent?: object;
  payment_method?: object;
}

export class StripeRefusal extends Error {
  constructor(
    readonly status: number,
    readonly body: StripeErrorBody,
  ) {
    super(body.message);
  }
}

export function invalidRequest(message: string, more: Partial<StripeErrorBody> = {}): StripeRefusal {
  return new StripeRefusal(400, { type: 'invalid_request_error', message, ...more });
}

export function resourceMissing(kind: string, id: string, param: string): StripeRefusal {
  const body = { code: 'resource_missing', message: `No such ${kind}: '${id}'`, param };
  return new StripeRefusal(param === 'id' ? 404 : 400, { type: 'invalid_request_error', ...body });
}
