// Administration of the tables that price carts: tax rates and shipping methods.
import { z } from 'zod';
import { hasRegions, regionCode, regionExample } from '../../domain/address/rules.js';
import { shows, type View } from '../../domain/kernel/answers.js';
import type { Decider } from '../../domain/kernel/decider.js';
import { type Endpoint, type EndpointRequest, endpoint, type Reply } from '../../domain/kernel/endpoint.js';
import { invalidField, orThrow } from '../../domain/kernel/errors.js';
import type { DomainEvent } from '../../domain/kernel/event.js';
import { askedId, pathId } from '../../domain/kernel/id.js';
import { defined } from '../../domain/kernel/json.js';
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
import type { CommandRunner } from '../runtime/command-runner.js';
import type { CurrentSettings } from '../shop/settings.js';
import type { Tariffs } from './current-tariffs.js';

interface Table<R extends { id: string }, B, C, E extends DomainEvent> {
  path: string;
  one: string;
  body: z.ZodType<B>;
  example: string;
  decider: Decider<C, readonly R[], E>;
  stream: StreamId;
  /** Throws `invalid_request` for a region that does not exist. */
  row(id: string, body: B): R;
  set(row: R): C;
  remove(id: string): C;
}

const taxRateBody = taxRateSchema.omit({ id: true }).extend({
  included: z
    .boolean()
    .default(false)
    .meta({ description: 'Prices contain this tax. All rates of a country must have the same value here' }),
});

const TAX_RATES: Table<TaxRate, z.output<typeof taxRateBody>, TaxTableCommand, TaxTableEvent> = {
  path: '/v1/tax-rates',
  one: 'a tax rate',
  body: taxRateBody,
  example: 'gb',
  decider: taxTable,
  stream: TAX_TABLE,
  row: (id, { included, region, ...rate }) => ({
    id,
    ...rate,
    ...defined({
      region: region !== undefined ? knownRegion(rate.country, region, '/region') : undefined,
      included: included || undefined,
    }),
  }),
  set: (rate) => ({ type: 'SetTaxRate', rate }),
  remove: (id) => ({ type: 'RemoveTaxRate', id }),
};

const shippingMethodBody = shippingMethodSchema.omit({ id: true });

const SHIPPING_METHODS: Table<
  ShippingMethod,
  z.output<typeof shippingMethodBody>,
  ShippingTableCommand,
  ShippingTableEvent
> = {
  path: '/v1/shipping-methods',
  one: 'a shipping method',
  body: shippingMethodBody,
  example: 'express',
  decider: shippingTable,
  stream: SHIPPING_TABLE,
  row: (id, { zones, ...method }) => ({
    id,
    ...method,
    zones: zones.map(({ regions, ...zone }, index) => {
      const [country = ''] = zone.countries ?? [];
      const known = regions?.map((region, at) => knownRegion(country, region, `/zones/${index}/regions/${at}`));
      return { ...zone, ...defined({ regions: known }) };
    }),
  }),
  set: (method) => ({ type: 'SetShippingMethod', method }),
  remove: (id) => ({ type: 'RemoveShippingMethod', id }),
};

/** Returns the region's code, as addresses store it. Countries without a list of regions keep the given name. */
function knownRegion(country: string, called: string, pointer: string): string {
  if (!hasRegions(country)) return called;
  const code = regionCode(country, called);
  if (code) return code;
  throw invalidField(pointer, `must be a region of ${country} in ISO 3166-2, such as ${regionExample(country)}`);
}

export interface TariffEndpointsDeps {
  runner: CommandRunner;
  tariffs: Pick<Tariffs, 'changed'>;
  settings: Pick<CurrentSettings, 'refuseForeignMoney'>;
  views: { taxRate: View<TaxRate>; shippingMethod: View<ShippingMethod> };
}

export function tariffEndpoints({ runner, tariffs, settings, views }: TariffEndpointsDeps): Endpoint[] {
  return [...tableEndpoints(TAX_RATES, views.taxRate), ...tableEndpoints(SHIPPING_METHODS, views.shippingMethod)];

  /** A table is changed row by row. */
  function tableEndpoints<R extends { id: string }, B, C, E extends DomainEvent>(
    { path, one, body, example, decider, stream, row: rowOf, set, remove }: Table<R, B, C, E>,
    view: View<R>,
  ): Endpoint[] {
    const params = z.strictObject({ id: tariffIdSchema.meta({ example }) });

    async function change(changed: C, { command }: Pick<EndpointRequest, 'command'>) {
      try {
        return orThrow(await runner.execute(decider, stream, changed, command()));
      } finally {
        // Even after a failure, because the change may have happened.
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
        body,
        answers: { 200: view.schema },
        async handle(request): Promise<Reply> {
          await settings.refuseForeignMoney(request.body);
          const row = rowOf(request.params.id, request.body);
          const outcome = await change(set(row), request);
          const stored = outcome.state.find(({ id }) => id === row.id) ?? row;
          return shows(200, await view.of(stored), stream, outcome);
        },
      }),
      endpoint({
        method: 'delete',
        path: `${path}/{id}`,
        summary: `Delete ${one}`,
        description: 'A repeat, or an unknown id, changes nothing.',
        roles: ['catalogue'],
        idempotency: 'accepted',
        params: z.strictObject({ id: pathId(tariffIdSchema, example) }),
        answers: { 204: z.void() },
        async handle(request) {
          const id = askedId(tariffIdSchema, request.params.id);
          return shows(204, undefined, stream, await change(remove(id), request));
        },
      }),
    ];
  }
}
