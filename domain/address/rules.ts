// The rules for addresses by country: required fields, postcode format, and the code of a named region.
import type { Address } from '../kernel/address.js';
import type { FieldError } from '../kernel/errors.js';
import { COUNTRIES } from './countries.js';

/** Letters that are not an accented form of another letter, with their usual spelling. */
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
 * The address in its stored form, with the postcode in capitals and the region as its ISO 3166-2 code without the country. Or all
 * its faults. `byRegion`: the country's tax depends on the region, so the region is required even if the post does not need it.
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

/** The code of a region, given its code or one of its names. Undefined if it is unknown. */
export function regionCode(country: string, called: string): string | undefined {
  const known = regionsOf(country);
  const folded = foldedRegion(called);
  const behindCountry = called.trim().toUpperCase().startsWith(`${country}-`) ? folded.slice(country.length) : folded;
  return known.get(behindCountry) ?? known.get(folded);
}

/** True if the country has a list of regions. */
export function hasRegions(country: string): boolean {
  return COUNTRIES[country]?.regions !== undefined;
}

/** An example for people who have to name a region: `NY or New York`. */
export function regionExample(country: string): string {
  const [first = ''] = (COUNTRIES[country]?.regions ?? '').split('\n');
  return first.split(/[=|]/).slice(0, 2).join(' or ');
}

/** Ignores case, accents and everything but letters and digits: `N.Y.`, `são paulo`. */
export function foldedRegion(name: string): string {
  return name
    .normalize('NFD')
    .toLowerCase()
    .replaceAll(/[ßæœøłđðþħı]/g, (letter) => FOLDED_LETTERS[letter] ?? letter)
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
  // If the post does not use regions, any text is kept.
  return byRegion || fields.includes('S') ? fault(`must be a region of ${country}`) : { kept: {} };
}

const patterns = new Map<string, RegExp>();

function patternOf(pattern: string): RegExp {
  const known = patterns.get(pattern) ?? new RegExp(`^(?:${pattern})$`, 'i');
  patterns.set(pattern, known);
  return known;
}

const codesByName = new Map<string, ReadonlyMap<string, string>>();

/** Codes come before names, so that no name takes the code of another region. */
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
