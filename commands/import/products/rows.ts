// The products of a file: what each line means for the shop. docs/product-files.md describes the format.
import type { z } from 'zod';
import { exponentOf } from '../../../domain/kernel/currency.js';
import { skuSchema } from '../../../domain/kernel/id.js';
import { type Money, roundedShare, unitPriceSchema } from '../../../domain/kernel/money.js';
import { asShortText } from '../../../domain/kernel/text.js';
import {
  MAX_ATTRIBUTES,
  MAX_CATEGORIES,
  MAX_TITLE_LENGTH,
  type ProductDetails,
  productDetailsSchema,
  productIdSchema,
} from '../../../domain/product/events.js';
import type { JsonLine } from '../json-lines.js';
import type { RefusedRow } from '../refused-row.js';

/** Decimal places of the prices in a file: they are in hundredths. */
const FILE_EXPONENT = 2;

export interface ProductRow {
  /** The number of its line. */
  number: number;
  productId: string;
  sku: string;
  details: ProductDetails;
  price: Money;
  /** Values of the line that the shop does not take, and titles that were cut. The product is imported without them. */
  leftOut: readonly RefusedRow[];
}

export interface ProductRowOptions {
  /** Stands before each id of the file. */
  prefix: string;
  currency: string;
}

type Value = string | number | boolean;

/** What the product would be if everything fitted, and the field of the file that each value comes from. */
interface Wanted {
  title: string;
  description?: string;
  brand?: string;
  /** Each text once. */
  categories: { text: string; field: string }[];
  attributes: Map<string, { value: Value; field: string }>;
}

/** Fields of the file that are not attributes. */
const OWN_FIELDS = new Set([
  ...['id', 'title', 'description', 'short_description', 'supplier', 'brand', 'price'],
  ...['ean', 'name', 'date_released', 'categories'],
]);
/** Pictures, which products do not have. */
const IGNORED = /^img_/;
const ATTRIBUTE = /^attr_[tnb]_/;
/** Its attribute is also a category. */
const KIND_FIELD = 'attr_t_product_type';

export function productIdOf(id: string, prefix: string): string {
  return `product_${prefix}${id}`;
}

export function productRowOf(
  { row, value }: JsonLine,
  { prefix, currency }: ProductRowOptions,
): ProductRow | RefusedRow {
  const refused = (field: string, reason: string): RefusedRow => ({ row, field, reason });
  const id = textOf(value.id);
  if (id === undefined) return refused('id', 'is missing; it must be a text or a whole number');
  const productId = productIdOf(id, prefix);
  const sku = `${prefix}${id}`;
  const unfit = problemOf(productIdSchema, productId) ?? problemOf(skuSchema, sku);
  if (unfit !== undefined) return refused('id', 'must be 1 to 50 letters, digits, dots, dashes or underscores');

  const price = priceOf(value.price, currency);
  if (typeof price === 'string') return refused('price', price);

  const leftOut: RefusedRow[] = [];
  const leave = (field: string, reason: string) => void leftOut.push(refused(field, reason));
  if (typeof value.title !== 'string') return refused('title', 'is missing; it must be a text');
  const flaw = problemOf(productDetailsSchema.shape.title, value.title);
  const title = flaw === undefined ? value.title : asShortText(value.title, MAX_TITLE_LENGTH);
  if (title === undefined) return refused('title', flaw ?? 'is not a text');
  if (flaw !== undefined) leave('title', `${flaw}; it was cut`);

  const details = fitted(wantedOf(value, title, leave), leave);
  return { number: row, productId, sku, details, price, leftOut };
}

/** Why there is no price, as a text. */
function priceOf(cents: unknown, currency: string): Money | string {
  if (typeof cents !== 'number' || !Number.isSafeInteger(cents) || cents < 0)
    return 'must be a whole number of hundredths, such as 1999 for 19.99';
  const amount = roundedShare(cents, 10 ** exponentOf(currency), 10 ** FILE_EXPONENT);
  return problemOf(unitPriceSchema, amount) ?? { amount, currency };
}

type Leave = (field: string, reason: string) => void;

function wantedOf(value: JsonLine['value'], title: string, leave: Leave): Wanted {
  const wanted: Wanted = { title, categories: [], attributes: new Map() };

  /** The first of the fields that is given. */
  function text(...fields: string[]): string | undefined {
    for (const field of fields) {
      const given = value[field];
      if (isAbsent(given)) continue;
      if (typeof given === 'string') return given;
      leave(field, 'must be a text');
    }
    return undefined;
  }

  function texts(field: string): string[] {
    const given = value[field];
    const all: unknown[] = Array.isArray(given) ? given : [given];
    return all.flatMap((one) => {
      if (isAbsent(one)) return [];
      const found = textOf(one);
      if (found === undefined) leave(field, 'must be a text or a list of texts');
      return found ?? [];
    });
  }

  function attribute(name: string, given: unknown, field: string): void {
    if (isAbsent(given)) return;
    if (typeof given !== 'string' && typeof given !== 'number' && typeof given !== 'boolean')
      leave(field, 'must be a text, a number, true or false');
    // The schema would drop it without a word.
    else if (name === '__proto__') leave(field, 'has a name that is not allowed');
    else if (wanted.attributes.has(name)) leave(field, `gives the attribute ${name} a second time`);
    else wanted.attributes.set(name, { value: given, field });
  }

  const categories = new Set<string>();
  function category(text: string, field: string): void {
    if (!categories.has(text)) wanted.categories.push({ text, field });
    categories.add(text);
  }

  const description = text('description', 'short_description');
  if (description !== undefined) wanted.description = description;
  const brand = text('brand', 'supplier');
  if (brand !== undefined) wanted.brand = brand;
  for (const one of texts('categories')) category(one, 'categories');
  const kind = value[KIND_FIELD];
  if (typeof kind === 'string' && !isAbsent(kind)) category(kind, KIND_FIELD);

  attribute('mpn', textOf(value.name), 'name');
  for (const [index, ean] of texts('ean').entries()) attribute(index === 0 ? 'ean' : `ean_${index + 1}`, ean, 'ean');
  attribute('released', textOf(value.date_released), 'date_released');
  for (const [field, given] of Object.entries(value)) {
    if (!OWN_FIELDS.has(field) && !IGNORED.test(field)) attribute(field.replace(ATTRIBUTE, ''), given, field);
  }
  return wanted;
}

/** Leaves out every value that the schema of products refuses, until the rest fits. */
function fitted(wanted: Wanted, leave: Leave): ProductDetails {
  const { categories, attributes } = wanted;
  for (;;) {
    const parsed = productDetailsSchema.safeParse(detailsOf(wanted));
    if (parsed.success) return parsed.data;
    let left = 0;
    const drop = (field: string, reason: string) => {
      left++;
      leave(field, reason);
    };
    // From the end, so that the places of the others stay.
    for (const issue of parsed.error.issues.reverse()) {
      const [field, key] = issue.path;
      const reason = reasonOf(issue);
      if (field === 'attributes') {
        const names = key === undefined ? [...attributes.keys()].slice(MAX_ATTRIBUTES) : [String(key)];
        for (const name of names) {
          const found = attributes.get(name);
          if (found && attributes.delete(name))
            drop(found.field, key === undefined ? `is more than ${MAX_ATTRIBUTES} attributes` : reason);
        }
      } else if (field === 'categories') {
        const dropped = typeof key === 'number' ? categories.splice(key, 1) : categories.splice(MAX_CATEGORIES);
        for (const { field } of dropped) drop(field, reason);
      } else if (field === 'description' || field === 'brand') {
        delete wanted[field];
        drop(field, reason);
      }
    }
    if (left === 0) throw parsed.error;
  }
}

function detailsOf({
  title,
  description,
  brand,
  categories,
  attributes,
}: Wanted): z.input<typeof productDetailsSchema> {
  return {
    title,
    ...(description !== undefined && { description }),
    ...(brand !== undefined && { brand }),
    ...(categories.length > 0 && { categories: categories.map(({ text }) => text) }),
    ...(attributes.size > 0 && {
      attributes: Object.fromEntries([...attributes].map(([name, { value }]) => [name, value])),
    }),
  };
}

/** What is wrong, without the words of the schema library about keys and unions. */
function reasonOf(issue: z.core.$ZodIssue): string {
  if (issue.code === 'invalid_key') return `has a name that ${issue.issues[0]?.message ?? issue.message}`;
  if (issue.code === 'invalid_union') {
    const branch = issue.errors.find(([first]) => first?.code !== 'invalid_type');
    return branch?.[0]?.message ?? issue.message;
  }
  return issue.message;
}

/** A text, or a number as a text. */
function textOf(value: unknown): string | undefined {
  if (typeof value === 'string') return value;
  return typeof value === 'number' && Number.isSafeInteger(value) ? String(value) : undefined;
}

function isAbsent(value: unknown): boolean {
  return value === undefined || value === null || (typeof value === 'string' && value.trim() === '');
}

function problemOf(schema: z.ZodType, value: unknown): string | undefined {
  const result = schema.safeParse(value);
  return result.success ? undefined : result.error.issues[0]?.message;
}
