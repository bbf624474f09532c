import 'reflect-metadata';
import { expect } from 'chai';
import { containerOf } from './container.js';
import { constant, lazy, type Recipes } from './parts.js';

interface Stall {
  fruit: { name: string };
  juice: string;
  fruitSalad: string;
}

const recipes: Recipes<Stall, Stall> = {
  fruit: constant({ name: 'apple' }),
  juice: ({ fruit: { name } }) => lazy(async () => `${name} juice`),
  fruitSalad: ({ fruit, juice }) => lazy(() => `${fruit.name} in ${juice}`),
};

describe('The container', () => {
  it('makes a part from the parts that its recipe takes', async () => {
    expect(await containerOf(recipes).getAsync('fruitSalad')).to.equal('apple in apple juice');
  });

  it('makes each part once, and only if it is needed', async () => {
    let made = 0;
    const container = containerOf({ ...recipes, fruit: () => lazy(() => ({ name: `apple ${++made}` })) });
    expect(made).to.equal(0);
    await Promise.all([container.getAsync('fruitSalad'), container.getAsync('juice')]);
    expect(await container.getAsync('juice')).to.equal('apple 1 juice');
  });

  it('makes the parts that a recipe takes at the same time', async () => {
    let meet = () => {};
    const met = new Promise<void>((resolve) => {
      meet = resolve;
    });
    const waits: Recipes<Stall, Stall> = {
      ...recipes,
      fruit: () => lazy(() => met.then(() => ({ name: 'pear' }))),
      juice: () =>
        lazy(() => {
          meet();
          return 'juice';
        }),
    };
    expect(await containerOf(waits).getAsync('fruitSalad')).to.equal('pear in juice');
  });

  it('rejects a circle of parts', async () => {
    const circle: Recipes<Stall, Stall> = { ...recipes, fruit: ({ juice }) => lazy(() => ({ name: juice })) };
    const error = await containerOf(circle)
      .getAsync('juice')
      .catch((thrown: Error) => thrown);
    expect(error)
      .to.be.instanceOf(Error)
      .and.to.match(/circular/i);
  });

  it('rejects a recipe that takes parts without their names', () => {
    const greedy: Recipes<Stall, Stall> = { ...recipes, juice: ({ ...all }) => lazy(() => all.fruit.name) };
    expect(() => containerOf(greedy)).to.throw('use `pick`');
  });
});
