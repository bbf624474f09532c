import { expect } from 'chai';
import { exponentOf, isCurrency } from './currency.js';

describe('Currencies', () => {
  it('are the ISO 4217 currencies that can be used for payment', () => {
    for (const code of ['GBP', 'EUR', 'USD', 'JPY', 'BHD', 'XOF']) expect(isCurrency(code), code).to.equal(true);
    for (const code of ['ZZZ', 'XXX', 'XTS', 'XAU', 'DEM', 'gbp', '']) expect(isCurrency(code), code).to.equal(false);
  });

  it('have the decimal places of ISO 4217', () => {
    const codes = ['GBP', 'EUR', 'JPY', 'XPF', 'BIF', 'BHD', 'TND', 'CLF', 'UYW'];
    expect(codes.map(exponentOf)).to.deep.equal([2, 2, 0, 0, 0, 3, 3, 4, 4]);
  });

  it('are known to the runtime too, except for funds, units of account, and new codes', () => {
    const runtime = Intl.supportedValuesOf('currency');
    const upper = [...'ABCDEFGHIJKLMNOPQRSTUVWXYZ'];
    const all = upper.flatMap((a) => upper.flatMap((b) => upper.map((c) => `${a}${b}${c}`)));
    const unknown = all.filter((code) => isCurrency(code) && !runtime.includes(code));
    const others = ['BOV', 'CHE', 'CHW', 'CLF', 'COU', 'MXV', 'USN', 'UYI', 'UYW', 'VED', 'XAD', 'XCG', 'ZWG'];
    expect(others).to.include.members(unknown);
  });
});
