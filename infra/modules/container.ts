// The container of recipes. It makes each part once, when the part is first needed.
import { Container } from 'inversify';
import type { Recipe } from './parts.js';

type AnyRecipe = Recipe<unknown, never>;

export function containerOf(recipes: Record<string, AnyRecipe>): Container {
  const container = new Container({ defaultScope: 'Singleton' });
  for (const [name, recipe] of Object.entries(recipes)) {
    const needs = needsOf(recipe);
    const make = (...values: unknown[]) =>
      recipe(Object.fromEntries(needs.map((need, n) => [need, values[n]])) as never).make();
    container.bind(name).toResolvedValue(make, needs);
  }
  return container;
}

/** The names of the parts that a recipe takes. The container makes these parts first, at the same time. */
function needsOf(recipe: AnyRecipe): string[] {
  const needs = new Set<string>();
  const parts = new Proxy(
    {},
    {
      get(_, name) {
        needs.add(String(name));
        return ANYTHING;
      },
      ownKeys() {
        throw new TypeError('A recipe takes its parts by name. `...rest` would need all parts; use `pick`.');
      },
    },
  );
  recipe(parts as never);
  return [...needs];
}

/** A stand-in for a part from which the recipe takes members: `{ config: { namespace } }`. */
const ANYTHING: unknown = new Proxy({}, { get: () => ANYTHING });
