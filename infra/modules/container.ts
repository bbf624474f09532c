// The container of recipes. It makes each part once, when the part is first needed.
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
