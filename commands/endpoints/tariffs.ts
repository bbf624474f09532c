// Keeping the tables that carts are priced by: tax rates and shipping methods.
import { z } from 'zod';
import type { Decider } from '../../domain/kernel/decider.js';
import { type Endpoint, type EndpointRequest, endpoint, type Reply } from '../../domain/kernel/endpoint.js';
import type { DomainEvent } from '../../domain/kernel/event.js';
import { askedId } from '../../domain/kernel/id.js';
import type { StreamId } from '../../domain/kernel/stream.js';
import {
  type ShippingMethod,
  type ShippingTableEvent,
  shippingMethodSchema,
  type TaxRate,
  type TaxTableEvent,
  tariffIdSchema,
  taxRateSchema,
} from '../../domain/tariffs/events.js';
import { SHIPPING_TABLE, type ShippingTableCommand, shippingTable } from '../../domain/tariffs/shipping-table.js';
import { TAX_TABLE, type TaxTableCommand, taxTable } from '../../domain/tariffs/tax-table.js';
import type { Tariffs } from '../lookups/current-tariffs.js';
import type { CommandRunner } from '../runtime/command-runner.js';
import { shows, wholeList, wholeListAnswer } from './answers.js';

interface Table<R extends { id: string }, C, E extends DomainEvent> {
  path: string;
  one: string;
  all: string;
  schema: z.ZodObject<{ id: z.ZodType<string> } & z.ZodRawShape>;
  example: string;
  decider: Decider<C, readonly R[], E>;
  stream: StreamId;
  set(row: R): C;
  remove(id: string): C;
}

const TAX_RATES: Table<TaxRate, TaxTableCommand, TaxTableEvent> = {
  path: '/v1/tax-rates',
  one: 'a tax rate',
  all: 'The tax rates of the shop',
  schema: taxRateSchema,
  example: 'gb',
  decider: taxTable,
  stream: TAX_TABLE,
  set: (rate) => ({ type: 'SetTaxRate', rate }),
  remove: (id) => ({ type: 'RemoveTaxRate', id }),
};

const SHIPPING_METHODS: Table<ShippingMethod, ShippingTableCommand, ShippingTableEvent> = {
  path: '/v1/shipping-methods',
  one: 'a shipping method',
  all: 'The shipping methods of the shop, with all that they cost',
  schema: shippingMethodSchema,
  example: 'express',
  decider: shippingTable,
  stream: SHIPPING_TABLE,
  set: (method) => ({ type: 'SetShippingMethod', method }),
  remove: (id) => ({ type: 'RemoveShippingMethod', id }),
};

export interface TariffEndpointsDeps {
  runner: CommandRunner;
  tariffs: Pick<Tariffs, 'changed'>;
}

export function tariffEndpoints({ runner, tariffs }: TariffEndpointsDeps): Endpoint[] {
  return [...tableEndpoints(TAX_RATES), ...tableEndpoints(SHIPPING_METHODS)];

  /** A table is kept row by row, and read whole: it is small. */
  function tableEndpoints<R extends { id: string }, C, E extends DomainEvent>({
    path,
    one,
    all,
    schema,
    example,
    decider,
    stream,
    set,
    remove,
  }: Table<R, C, E>): Endpoint[] {
    const params = z.strictObject({ id: tariffIdSchema.meta({ example }) });

    async function change(changed: C, { command }: Pick<EndpointRequest, 'command'>) {
      try {
        return await runner.execute(decider, stream, changed, command());
      } finally {
        // Even if it failed: it may have happened.
        tariffs.changed();
      }
    }

    return [
      endpoint({
        method: 'put',
        path: `${path}/{id}`,
        summary: `Set ${one}`,
        roles: ['catalogue'],
        idempotency: 'accepted',
        params,
        body: schema.omit({ id: true }),
        answers: { 200: schema },
        async handle(request): Promise<Reply> {
          const row = { id: request.params.id, ...request.body } as R;
          const outcome = await change(set(row), request);
          return shows(200, outcome.state.find(({ id }) => id === row.id) ?? row, stream, outcome);
        },
      }),
      endpoint({
        method: 'get',
        path,
        summary: all,
        roles: ['catalogue', 'support'],
        answers: { 200: wholeListAnswer(schema) },
        async handle() {
          const loaded = await runner.load(decider, stream);
          return shows(200, wholeList(loaded.state), stream, loaded);
        },
      }),
      endpoint({
        method: 'delete',
        path: `${path}/{id}`,
        summary: `Remove ${one}; nothing happens if there is none`,
        roles: ['catalogue'],
        idempotency: 'accepted',
        params: z.strictObject({ id: z.string().meta({ example }) }),
        answers: { 204: z.void() },
        async handle(request) {
          const id = askedId(tariffIdSchema, request.params.id);
          return shows(204, undefined, stream, await change(remove(id), request));
        },
      }),
    ] as Endpoint[];
  }
}
