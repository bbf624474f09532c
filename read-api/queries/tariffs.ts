// The tables that price carts: tax rates and shipping methods. A table is read whole, because it is small.
import { shows, type View, wholeList, wholeListAnswer } from '../../domain/kernel/answers.js';
import type { Decider } from '../../domain/kernel/decider.js';
import { type Endpoint, endpoint } from '../../domain/kernel/endpoint.js';
import type { DomainEvent } from '../../domain/kernel/event.js';
import type { States } from '../../domain/kernel/states.js';
import type { StreamId } from '../../domain/kernel/stream.js';
import type { ShippingMethod, TaxRate } from '../../domain/tariffs/events.js';
import { SHIPPING_TABLE, shippingTable } from '../../domain/tariffs/shipping-table.js';
import { TAX_TABLE, taxTable } from '../../domain/tariffs/tax-table.js';

export interface TariffQueryDeps {
  states: States;
  views: { taxRate: View<TaxRate>; shippingMethod: View<ShippingMethod> };
}

export function tariffQueries({ states, views }: TariffQueryDeps): Endpoint[] {
  function table<R, C, E extends DomainEvent>(
    path: string,
    summary: string,
    decider: Decider<C, readonly R[], E>,
    stream: StreamId,
    view: View<R>,
  ): Endpoint {
    return endpoint({
      method: 'get',
      path,
      summary,
      roles: ['catalogue', 'support'],
      answers: { 200: wholeListAnswer(view.schema) },
      async handle() {
        const loaded = await states.load(decider, stream);
        return shows(200, wholeList(await Promise.all(loaded.state.map(view.of))), stream, loaded);
      },
    });
  }

  return [
    table('/v1/tax-rates', 'List tax rates', taxTable, TAX_TABLE, views.taxRate),
    table(
      '/v1/shipping-methods',
      'List shipping methods with all their prices',
      shippingTable,
      SHIPPING_TABLE,
      views.shippingMethod,
    ),
  ];
}
