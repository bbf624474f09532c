import { expect } from 'chai';
import { keptViews } from './kept-views.js';

describe('The views that a process remembers', () => {
  const made: unknown[] = [];
  const viewOf = keptViews((document: { title?: string }) => {
    made.push(document);
    return document.title === undefined ? undefined : { shown: document.title.length };
  });
  beforeEach(() => void made.splice(0));

  it('are made once for each text of a document', () => {
    const views = ['{"title":"mug"}', '{"title":"bowl"}', '{"title":"mug"}'].map(viewOf);
    expect(views).to.deep.equal([{ shown: 3 }, { shown: 4 }, { shown: 3 }]);
    expect(made).to.have.length(2);
  });

  it('leave out documents without a view, and documents that would displace too many others', () => {
    const large = JSON.stringify({ title: 'x'.repeat(100_000) });
    for (let n = 0; n < 2; n++) {
      expect(viewOf('{}')).to.equal(undefined);
      expect(viewOf(large)).to.deep.equal({ shown: 100_000 });
    }
    expect(made).to.have.length(4);
  });
});
