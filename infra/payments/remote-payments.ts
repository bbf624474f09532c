// The payment provider of another program, called over a port that carries JSON. Calls are idempotent by their keys, as those of the
// provider itself: a call whose answer is lost is made again.
import { z } from 'zod';
import type { SavedMethods } from '../../commands/payment/payment-methods.js';
import type { PaymentProvider } from '../../commands/payment/provider.js';
import { Problem, type ProblemCode, Unavailable } from '../../domain/kernel/errors.js';

export const ENGINE = 'payment provider';

const PROVIDER = ['open', 'authorise', 'retrieve', 'capture', 'void', 'refund'] as const;
const METHODS = ['of', 'save', 'remove', 'forget'] as const;

const callSchema = z.discriminatedUnion('port', [
  z.strictObject({ port: z.literal('provider'), operation: z.enum(PROVIDER), args: z.array(z.unknown()).max(1) }),
  z.strictObject({ port: z.literal('methods'), operation: z.enum(METHODS), args: z.array(z.unknown()).max(3) }),
]);
export type PaymentCall = z.output<typeof callSchema>;

/** A definite answer. Everything else is an unknown outcome. */
const answerSchema = z.union([
  z.strictObject({
    problem: z.strictObject({ code: z.string(), detail: z.string(), facts: z.record(z.string(), z.unknown()) }),
  }),
  z.strictObject({ result: z.unknown().optional() }),
]);

/** Carries a call to the other program. An error means that the outcome is unknown. */
export type Caller = (call: PaymentCall) => Promise<unknown>;

export interface RemotePayments {
  provider: Required<PaymentProvider>;
  methods: SavedMethods;
}

export function remotePayments(call: Caller): RemotePayments {
  const ported = (port: PaymentCall['port'], operations: readonly string[]) =>
    Object.fromEntries(
      operations.map((operation) => [
        operation,
        async (...args: unknown[]) => resultOf(await call({ port, operation, args } as PaymentCall)),
      ]),
    );
  return { provider: ported('provider', PROVIDER), methods: ported('methods', METHODS) } as never;
}

function resultOf(answer: unknown): unknown {
  const parsed = answerSchema.safeParse(answer);
  if (!parsed.success) throw new Unavailable(ENGINE, 'its answer is not one of a payment provider.');
  if ('problem' in parsed.data) {
    const { code, detail, facts } = parsed.data.problem;
    throw new Problem(code as ProblemCode, detail, facts as never);
  }
  return parsed.data.result;
}

/** The other side: makes the call, and answers with its result or its problem. Other errors are thrown. */
export function answering({ provider, methods }: { provider: PaymentProvider; methods: SavedMethods }) {
  const ports = { provider, methods } as unknown as Record<string, Record<string, (...args: unknown[]) => unknown>>;
  return async (input: unknown): Promise<z.input<typeof answerSchema>> => {
    const { port, operation, args } = callSchema.parse(input);
    try {
      return { result: await ports[port]?.[operation]?.(...args) };
    } catch (error) {
      if (!(error instanceof Problem) || error instanceof Unavailable) throw error;
      return { problem: { code: error.code, detail: error.message, facts: error.facts as Record<string, unknown> } };
    }
  };
}
