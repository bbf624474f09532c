// The container of recipes: each part is made once, when it is first asked for.
import { Container } from 'inversify';
import type { Recipe } from './parts.js';

export function containerOf(recipes: object): Container {
  const container = new Container({ defaultScope: 'Singleton' });
  for (const [name, { needs, make }] of Object.entries(recipes as Record<string, Recipe<unknown>>)) {
    const ofNeeds = (...values: unknown[]) =>
      make(Object.fromEntries(needs.map((need, n) => [need, values[n]])) as never);
    container.bind(name).toResolvedValue(ofNeeds, [...needs]);
  }
  return container;
}
