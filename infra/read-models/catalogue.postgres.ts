// The catalogue in Postgres.
import type { Pool } from 'pg';
import { type CatalogueQueries, catalogue } from '../../projections/models/catalogue.js';
import { pageOf } from '../../projections/models/page.js';
import { type ProductView, productView } from '../../projections/models/product.js';
import { filterKey } from '../../projections/models/texts.js';
import { keptViews } from './kept-views.js';
import { placeholders, postgresTable } from './postgres-documents.js';

export function createPostgresCatalogue(pool: Pool, projection = catalogue): CatalogueQueries {
  const table = postgresTable(pool, projection);
  const id = table.field('id');
  const viewOf = keptViews(productView);
  const published = `${table.field('status')} = 'published'`;

  return {
    async list({ category, limit, after }) {
      const { values, bind } = placeholders();
      const conditions = [published];
      if (category !== undefined) conditions.push(`${table.field('categoryKeys')} ? ${bind(filterKey(category))}`);
      if (after) conditions.push(`${id} > ${bind(after[0])}`);
      const rows = await table.select<{ document: ProductView }>(
        `select document from ${table.name} where ${conditions.join(' and ')} order by ${id} limit ${bind(limit + 1)}`,
        values,
        viewOf,
      );
      const views = rows.map(({ document }) => document);
      return pageOf(views, limit, (product) => [product.id]);
    },

    async categories({ limit, after }) {
      const { values, bind } = placeholders();
      const conditions = [published];
      if (after) conditions.push(`named.key > ${bind(after[0])}`);
      // Distinct, because a product may name a category twice.
      const rows = await table.select<{ key: string; name: string; products: number }>(
        `select named.key, min(named.name) as name, count(distinct ${table.name}.key) as products
         from ${table.name}, lateral (
           select name collate "C" as name, key collate "C" as key
           from rows from (
             jsonb_array_elements_text(document->'categories'),
             jsonb_array_elements_text(document->'categoryKeys')) as parallel (name, key)) as named
         where ${conditions.join(' and ')} group by named.key order by named.key limit ${bind(limit + 1)}`,
        values,
      );
      const { data, ...rest } = pageOf(rows, limit, ({ key }) => [key]);
      return { data: data.map(({ name, products }) => ({ id: name, products })), ...rest };
    },
  };
}
