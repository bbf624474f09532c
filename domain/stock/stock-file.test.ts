import { expect } from 'chai';
import { decider, issuedTwiceChangesNothing, TEST_NOW } from '../../test/domain/given-when-then.js';
import { type StockFileEvent, stockFile } from './stock-file.js';

const file = { fileId: '0123456789abcdef0123456789abcdef', rows: 3 };
const begin = { type: 'BeginStockFile', ...file } as const;
const begun: StockFileEvent = { type: 'StockFileImportBegun', data: file };

describe('A stock file', () => {
  const { given } = decider(stockFile);

  it('is begun once, and keeps the time of its first import', () => {
    given([]).when(begin).then([begun]);
    given([begun])
      .when(begin, TEST_NOW + 1_000)
      .then([]);
    expect(given([begun]).state).to.deep.equal({ fileId: file.fileId, begunAt: TEST_NOW });
  });

  it('is not changed by a command that is issued again', () => {
    issuedTwiceChangesNothing(stockFile, { BeginStockFile: { given: [], when: begin } });
  });
});
