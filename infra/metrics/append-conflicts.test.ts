import { expect } from 'chai';
import { Registry } from 'prom-client';
import type { AppendResult, EventStore } from '../../domain/kernel/event-store.js';
import { countConflicts } from './append-conflicts.js';

describe('The count of conflicts', () => {
  it('grows with each append that lost, and changes no result', async () => {
    const registry = new Registry();
    const results = [{ appended: false }, { appended: true }, { appended: false }] as AppendResult[];
    const append = async () => results.shift();
    const store = countConflicts({ append } as unknown as EventStore, registry);
    const answers = [];
    for (let n = 0; n < 3; n++) answers.push(await store.append('cart#1', {} as never, {} as never));
    expect(answers).to.deep.equal([{ appended: false }, { appended: true }, { appended: false }]);
    expect(await registry.metrics()).to.match(/^commerce_append_conflicts_total 2$/m);
  });
});
