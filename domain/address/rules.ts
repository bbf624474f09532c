// What an address needs in its country: required fields, how a postcode looks, and the code of a region that is named.
import type { Address } from '../kernel/address.js';
import type { FieldError } from '../kernel/errors.js';
import { COUNTRIES } from './countries.js';

/** Letters that are no other letter with an accent, as they are written without. */
const FOLDED_LETTERS: Readonly<Record<string, string>> = {
  ß: 'ss',
  æ: 'ae',
  œ: 'oe',
  ø: 'o',
  ł: 'l',
  đ: 'd',
  ð: 'd',
  þ: 'th',
  ħ: 'h',
  ı: 'i',
};

/**
 * The address as it is kept: postcodes in capitals, regions by their ISO 3166-2 code without the country's. Or all that is
 * wrong with it. `byRegion`: the tax of its country goes by region, which is needed then whatever the post says.
 */
export function addressAsKept(address: Address, byRegion: boolean): { address: Address } | { faults: FieldError[] } {
  const { country, city } = address;
  const { required = 'AC' } = COUNTRIES[country] ?? {};
  const [postcode, region] = [postcodeOf(address), regionOf(address, byRegion)];
  const faults: FieldError[] = [];
  if (city === undefined && required.includes('C'))
    faults.push({ pointer: '/city', detail: `is required in ${country}` });
  for (const part of [region, postcode]) if ('fault' in part) faults.push(part.fault);
  if (faults.length > 0) return { faults };
  return { address: { ...address, ...('kept' in postcode && postcode.kept), ...('kept' in region && region.kept) } };
}

/** The code of a region that is called by its code or by one of its names; undefined where none is called so. */
export function regionCode(country: string, called: string): string | undefined {
  const known = regionsOf(country);
  const folded = foldedRegion(called);
  const behindCountry = called.trim().toUpperCase().startsWith(`${country}-`) ? folded.slice(country.length) : folded;
  return known.get(behindCountry) ?? known.get(folded);
}

/** Whether there is a list of the country's regions. */
export function hasRegions(country: string): boolean {
  return COUNTRIES[country]?.regions !== undefined;
}

/** For whoever has to name a region: `NY or New York`. */
export function regionExample(country: string): string {
  const [first = ''] = (COUNTRIES[country]?.regions ?? '').split('\n');
  return first.split(/[=|]/).slice(0, 2).join(' or ');
}

/** Case, accents and all but letters and digits make no difference: `N.Y.`, `são paulo`. */
export function foldedRegion(name: string): string {
  return name
    .normalize('NFD')
    .toLowerCase()
    .replaceAll(/[ßæœøłđðþħı]/g, (letter) => FOLDED_LETTERS[letter]!)
    .replaceAll(/[^\p{L}\p{N}]/gu, '');
}

type Part = { kept: Partial<Address> } | { fault: FieldError };

function postcodeOf({ country, postcode }: Address): Part {
  const { required = '', postcode: pattern, examples } = COUNTRIES[country] ?? {};
  const such = examples ? `, such as ${examples}` : '';
  const fault = (what: string): Part => ({ fault: { pointer: '/postcode', detail: `${what}${such}` } });
  if (postcode === undefined) return required.includes('Z') ? fault(`is required in ${country}`) : { kept: {} };
  if (!pattern) return { kept: {} };
  const capitals = postcode.trim().toUpperCase();
  return patternOf(pattern).test(capitals) ? { kept: { postcode: capitals } } : fault(`is no postcode of ${country}`);
}

function regionOf({ country, region }: Address, byRegion: boolean): Part {
  const { required = '', fields = '' } = COUNTRIES[country] ?? {};
  const fault = (what: string): Part => {
    const detail = `${what}, by its code or name in ISO 3166-2, such as ${regionExample(country)}`;
    return { fault: { pointer: '/region', detail } };
  };
  if (!hasRegions(country)) return { kept: {} };
  if (region === undefined) {
    return byRegion || required.includes('S') ? fault(`is required in ${country}`) : { kept: {} };
  }
  const code = regionCode(country, region);
  if (code) return { kept: { region: code } };
  // Where the post has no use for it, whatever people write is kept.
  return byRegion || fields.includes('S') ? fault(`must be a region of ${country}`) : { kept: {} };
}

const patterns = new Map<string, RegExp>();

function patternOf(pattern: string): RegExp {
  const known = patterns.get(pattern) ?? new RegExp(`^(?:${pattern})$`, 'i');
  patterns.set(pattern, known);
  return known;
}

const codesByName = new Map<string, ReadonlyMap<string, string>>();

/** Codes before names, so that no name takes the code of another region. */
function regionsOf(country: string): ReadonlyMap<string, string> {
  const known = codesByName.get(country);
  if (known) return known;
  const rows = (COUNTRIES[country]?.regions ?? '').split('\n').filter(Boolean);
  const codes = new Map<string, string>();
  for (const row of rows) codes.set(foldedRegion(row.slice(0, row.indexOf('='))), row.slice(0, row.indexOf('=')));
  for (const row of rows) {
    const [code = '', called = ''] = row.split('=');
    for (const name of called.split('|')) {
      const folded = foldedRegion(name);
      if (!codes.has(folded)) codes.set(folded, code);
    }
  }
  codesByName.set(country, codes);
  return codes;
}
