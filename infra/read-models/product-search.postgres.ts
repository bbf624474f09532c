// Product search in Postgres: full text, by stems of words.
import type { Pool } from 'pg';
import { pageOf } from '../../projections/models/page.js';
import { type ProductDocument, productView } from '../../projections/models/product.js';
import { type ProductSearchQueries, type ProductSort, productSearch } from '../../projections/models/product-search.js';
import { placeholders, postgresTable } from './postgres.js';

interface Found {
  document: ProductDocument;
  id: string;
  sortKey: string | number;
}

export function createPostgresProductSearch(pool: Pool, projection = productSearch): ProductSearchQueries {
  const table = postgresTable(pool, projection);
  const { field } = table;

  return {
    async search({ q, category, brand, price, inStock, sort, limit, after }) {
      const { values, bind } = placeholders();
      const words = q === undefined ? undefined : `plainto_tsquery('english', ${bind(q)})`;
      const relevance = words ? `ts_rank(${field('words')}, ${words})` : '0::real';
      const { key, type, descending } = orderOf(sort, relevance, field);

      const conditions = [`${field('status')} = 'published'`];
      if (words) conditions.push(`${field('words')} @@ ${words}`);
      if (category !== undefined) conditions.push(`${field('categories')} ? ${bind(category)}`);
      if (brand !== undefined) conditions.push(`${field('brand')} = ${bind(brand)}`);
      if (price?.min !== undefined) conditions.push(`${field('price')} >= ${bind(price.min)}`);
      if (price?.max !== undefined) conditions.push(`${field('price')} <= ${bind(price.max)}`);
      if (inStock !== undefined) conditions.push(`${field('inStock')} = ${bind(inStock)}`);
      if (type === 'numeric') conditions.push(`${key} is not null`);
      if (after) {
        const last = `${bind(after[0])}::${type}`;
        conditions.push(`${key} ${descending ? '<=' : '>='} ${last}`);
        conditions.push(`(${key} <> ${last} or ${field('id')} > ${bind(after[1])})`);
      }

      const found = await table.select<Found>(
        `select document, key as id, ${key} as "sortKey" from ${table.name} where ${conditions.join(' and ')}
         order by ${key} ${descending ? 'desc' : 'asc'}, ${field('id')} limit ${bind(limit + 1)}`,
        values,
      );
      const { data, ...rest } = pageOf(found, limit, ({ sortKey, id }) => [
        type === 'numeric' ? Number(sortKey) : sortKey,
        id,
      ]);
      return { data: data.map(({ document }) => productView(document)!), ...rest };
    },
  };
}

/** Products without a price have no place in an order by price. */
function orderOf(sort: ProductSort, relevance: string, field: (name: string) => string) {
  switch (sort) {
    case 'relevance':
      return { key: relevance, type: 'real', descending: true };
    case 'title':
      return { key: field('title'), type: 'text', descending: false };
    case 'price':
    case '-price':
      return { key: field('price'), type: 'numeric', descending: sort === '-price' };
  }
}
