import { expect } from 'chai';
import fc from 'fast-check';
import { type CommandNode, causeTree } from './causes.js';

interface Event {
  id: string;
  commandId: string;
  causationId: string;
  at: string;
}

const event = (id: string, causationId: string): Event => ({
  id,
  commandId: id.split(':')[0] ?? '',
  causationId,
  at: '',
});

/** `a(a:0(b(b:0)))`: commands with their events, and events with the commands that they caused. */
const written = (commands: readonly CommandNode<Event>[]): string =>
  commands
    .map(
      ({ commandId, events }) =>
        `${commandId}(${events.map(({ event, commands }) => event.id + written(commands)).join(' ')})`,
    )
    .join(' ');

describe('The tree of causes', () => {
  it('puts each command below the event that caused it', () => {
    const events = [
      event('a:0', 'a'),
      event('a:1', 'a'),
      event('b:0', 'a:0'),
      event('c:0', 'a:1'),
      event('d:0', 'c:0'),
    ];
    expect(written(causeTree(events))).to.equal('a(a:0b(b:0) a:1c(c:0d(d:0)))');
  });

  it('begins with every command that nothing in it caused, and names a cause elsewhere', () => {
    const [first, second] = causeTree([event('a:0', 'a'), event('b:0', 'other:0')]);
    expect(first?.causeElsewhere).to.equal(undefined);
    expect(second?.causeElsewhere).to.equal('other:0');
  });

  it('contains every event once, whatever events claim about their causes', () => {
    const ids = ['a:0', 'a:1', 'b:0', 'c:0', 'd:0'];
    const claims = fc.array(
      fc.record({ id: fc.constantFrom(...ids), causationId: fc.constantFrom(...ids, 'a', 'x:0') }),
    );
    fc.assert(
      fc.property(claims, (given) => {
        const events = given.map(({ id, causationId }) => event(id, causationId));
        const shown = written(causeTree(events)).match(/\w:\d/g) ?? [];
        expect([...shown].sort()).to.deep.equal([...new Set(events.map(({ id }) => id))].sort());
      }),
    );
  });
});
