// The rules for text that people write: one for short text, such as a name or a reason, and one for long text of several lines.
// Both refuse invisible text: control characters, marks that change the text direction, and text that is only blanks.
import { z } from 'zod';
import { enforced } from './enforced.js';

/** Schemas that follow one of the rules, with the rule as regular expressions for documentation. */
export const textRules = z.registry<{ pattern: string; not: { pattern: string } }>();

type Range = readonly [from: number, to?: number];

const TAB_AND_LINES: readonly Range[] = [[0x09, 0x0a], [0x0d]];
const CONTROLS: readonly Range[] = [
  [0x00, 0x08],
  [0x0b, 0x0c],
  [0x0e, 0x1f],
  [0x7f, 0x9f],
  [0x2028, 0x2029],
];
/**
 * Format characters (Unicode's Cf) except those that are visible or needed by scripts: the joiners U+200C and U+200D, the number
 * signs of Arabic and Syriac, the controls of hieroglyphs, the tags of flags. Non-characters are included.
 */
const FORMATS: readonly Range[] = [
  ...([[0xad], [0x61c], [0x180e], [0x200b], [0x200e, 0x200f], [0x202a, 0x202e], [0x2060, 0x206f]] as const),
  ...([[0xfdd0, 0xfdef], [0xfeff], [0xfff0, 0xfffb], [0xfffe, 0xffff]] as const),
  ...([
    [0x1bca0, 0x1bca3],
    [0x1d173, 0x1d17a],
    [0xe0000, 0xe002f],
    [0xe003a, 0xe0060],
    [0xe007b, 0xe007e],
    [0xe0080, 0xe00ff],
    [0xe01f0, 0xe0fff],
  ] as const),
  ...Array.from({ length: 16 }, (_, plane): Range => [(plane + 1) * 0x10000 + 0xfffe, (plane + 1) * 0x10000 + 0xffff]),
];
/** Characters that are allowed in text but invisible alone: blanks, joiners, fillers, selectors, combining marks. */
const BLANKS: readonly Range[] = [
  ...([[0x20], [0xa0], [0x1680], [0x2000, 0x200a], [0x200c, 0x200d], [0x202f], [0x205f], [0x3000]] as const),
  ...([[0x115f, 0x1160], [0x17b4, 0x17b5], [0x180b, 0x180d], [0x180f], [0x2800], [0x3164], [0xffa0]] as const),
  ...([
    [0x300, 0x36f],
    [0x1ab0, 0x1aff],
    [0x1dc0, 0x1dff],
    [0x20d0, 0x20ff],
    [0xfe00, 0xfe0f],
    [0xfe20, 0xfe2f],
  ] as const),
  ...([[0x13430, 0x1343f], [0x1d159], [0xe0100, 0xe01ef]] as const),
];
/** A flag such as England's is a black flag, tags that spell a region, and an end tag. */
const BLACK_FLAG = '\u{1f3f4}';
const TAGS = characters([
  [0xe0030, 0xe0039],
  [0xe0061, 0xe007a],
]);
const END_TAG = '\u{e007f}';
const FLAG = `${BLACK_FLAG}[${TAGS}]+${END_TAG}`;
/** A tag that follows neither a black flag nor a tag, an end tag without tags, or tags without an end tag. */
const STRAY_TAG = new RegExp(
  `(?:^|[^${BLACK_FLAG}${TAGS}])[${TAGS}]|(?:^|[^${TAGS}])${END_TAG}|[${TAGS}](?:$|[^${TAGS}${END_TAG}])`,
  'u',
);

const SHORT = ruleOf([...CONTROLS, ...FORMATS, ...TAB_AND_LINES], BLANKS);
const LONG = ruleOf([...CONTROLS, ...FORMATS], [...BLANKS, ...TAB_AND_LINES]);

const SEARCHED: Rule = {
  ...SHORT,
  minLength: 0,
  whole: new RegExp(`^[^${characters([...CONTROLS, ...FORMATS, ...TAB_AND_LINES])}]*$`, 'u'),
};

/** One line: a name, a title, a reason. It has at most `max` characters (code points) and is returned trimmed and in NFC. */
export function shortText(max: number) {
  return textOf(max, SHORT, 'a line break, a control character or an invisible character', oneForm);
}

/** Several lines: a description, a note. Line ends become line feeds. */
export function longText(max: number) {
  return textOf(max, LONG, 'a control character or an invisible character', (text) =>
    oneForm(text.replaceAll(/\r\n?/g, '\n')),
  );
}

/** One line as typed into a search box. It may be blank. */
export function searchText(max: number) {
  return textOf(max, SEARCHED, 'a line break, a control character or an invisible character', oneForm);
}

/** A whole number in a query or a header: digits only, without leading zeros. */
export const PLAIN_DIGITS = '(?:0|[1-9][0-9]*)';
const PLAIN_NUMBER = new RegExp(`^${PLAIN_DIGITS}$`);

/** A number in a query, which arrives as text. Other number formats (`1e1`, `0x10`, `+5`) are not accepted. */
export function wholeNumber<T extends z.ZodType>(schema: T) {
  return z.preprocess((text) => (typeof text === 'string' && PLAIN_NUMBER.test(text) ? Number(text) : text), schema);
}

/**
 * Makes foreign text fit `shortText(max)`: characters that are not allowed become blanks, and long text is cut. Undefined if
 * nothing is left.
 */
export function asShortText(text: string, max: number): string | undefined {
  const seen = oneForm(text.replaceAll(SHORT.flagOrUnfit, (found, unfit) => (unfit ? ' ' : found)));
  const cut = [...seen].slice(0, max).join('').trim();
  return fits(cut, SHORT) ? cut : undefined;
}

/** A record of at most `max` entries. Two names that become equal once they are normalised are refused. */
export function recordOf<V extends z.ZodType>(name: ReturnType<typeof shortText>, value: V, max: number) {
  const named = name.refine((text) => text !== '__proto__', 'is not an allowed name of a field');
  const record = z
    .record(named, value)
    .refine((record) => Object.keys(record).length <= max, `must have at most ${max} fields`)
    .meta({ maxProperties: max });
  return z.preprocess((given: unknown, { addIssue }) => {
    const repeated =
      typeof given === 'object' && given !== null ? repeatedName(Object.keys(given).slice(0, max), name) : undefined;
    if (repeated !== undefined) addIssue({ code: 'custom', path: [repeated], message: 'is given more than once' });
    return given;
  }, record);
}

function repeatedName(names: readonly string[], schema: z.ZodType<string>): string | undefined {
  const forms = names.map((name) => schema.safeParse(name).data ?? name);
  return names[forms.findIndex((form, index) => forms.indexOf(form) < index)];
}

interface Rule {
  minLength: 0 | 1;
  /**
   * The rule without the order of tags, which it allows anywhere: programs that generate text from a pattern can handle only one
   * character class per place.
   */
  whole: RegExp;
  /** A flag, or (in the group) a character that is not allowed. */
  flagOrUnfit: RegExp;
}

/** Blanks, the first visible character, and then any allowed characters. The expression never scans a text twice. */
function ruleOf(refused: readonly Range[], blanks: readonly Range[]): Rule {
  const none = characters(refused);
  const blank = characters(blanks);
  return {
    minLength: 1,
    whole: new RegExp(`^[${blank}]*[^${none}${blank}${TAGS}${END_TAG}][^${none}]*$`, 'u'),
    flagOrUnfit: new RegExp(`${FLAG}|([${none}${TAGS}${END_TAG}]|\\p{Surrogate})`, 'gu'),
  };
}

function fits(text: string, { whole }: Rule): boolean {
  return whole.test(text) && !STRAY_TAG.test(text);
}

function textOf(max: number, rule: Rule, refused: string, form: (text: string) => string) {
  const { minLength, whole, flagOrUnfit } = rule;
  const schema = z
    .string()
    .superRefine((text, { addIssue }) => {
      const lengths = [text, form(text)].map((one) => [...one].length);
      if (text.length < minLength) addIssue('must have at least 1 character');
      else if (Math.max(...lengths) > max) addIssue(`must have at most ${max} characters`);
      else if (!fits(text, rule)) addIssue(complaintAbout(firstUnfit(text, flagOrUnfit), refused));
    })
    .overwrite(form)
    .meta({ ...(minLength > 0 && { minLength }), maxLength: max });
  const said = { pattern: whole.source, not: { pattern: STRAY_TAG.source } };
  textRules.add(schema, said);
  enforced.add(schema, said);
  return schema;
}

function firstUnfit(text: string, flagOrUnfit: RegExp): string | undefined {
  for (const [, unfit] of text.matchAll(flagOrUnfit)) if (unfit) return unfit;
  return undefined;
}

function complaintAbout(found: string | undefined, refused: string): string {
  if (found === undefined) return 'must have at least one visible character';
  const code = (found.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0');
  return `holds U+${code}, which is ${refused}`;
}

/** NFC, without surrounding blanks. A leading joiner is removed, since it joins nothing. */
function oneForm(text: string): string {
  return text
    .normalize('NFC')
    .trim()
    .replace(/^[\s\u200c\u200d]+/, '');
}

/** The inside of a character class. */
function characters(ranges: readonly Range[]): string {
  return ranges
    .map(([from, to]) => String.fromCodePoint(from) + (to === undefined ? '' : `-${String.fromCodePoint(to)}`))
    .join('');
}
