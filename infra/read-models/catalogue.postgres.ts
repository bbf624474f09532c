// The catalogue in Postgres.
import type { Pool } from 'pg';
import { type CatalogueQueries, type CategoryView, catalogue } from '../../projections/models/catalogue.js';
import { pageOf } from '../../projections/models/page.js';
import { type ProductDocument, productView } from '../../projections/models/product.js';
import { productPageQueries } from './documents.js';
import { placeholders, postgresTable } from './postgres.js';

export function createPostgresCatalogue(pool: Pool, projection = catalogue): CatalogueQueries {
  const table = postgresTable(pool, projection);
  const id = table.field('id');
  const published = `${table.field('status')} = 'published'`;

  return {
    ...productPageQueries(table),

    async list({ category, limit, after }) {
      const { values, bind } = placeholders();
      const conditions = [published];
      if (category !== undefined) conditions.push(`${table.field('categories')} ? ${bind(category)}`);
      if (after) conditions.push(`${id} > ${bind(after[0])}`);
      const rows = await table.select<{ document: ProductDocument }>(
        `select document from ${table.name} where ${conditions.join(' and ')} order by ${id} limit ${bind(limit + 1)}`,
        values,
      );
      const views = rows.map(({ document }) => productView(document)!);
      return pageOf(views, limit, (product) => [product.id]);
    },

    async categories({ limit, after }) {
      const { values, bind } = placeholders();
      const conditions = [published];
      if (after) conditions.push(`category > ${bind(after[0])}`);
      // Distinct: a product may name a category twice.
      const rows = await table.select<CategoryView>(
        `select category as id, count(*) as products
         from ${table.name}, lateral (
           select distinct jsonb_array_elements_text(${table.field('categories')}) collate "C" as category) as named
         where ${conditions.join(' and ')} group by category order by category limit ${bind(limit + 1)}`,
        values,
      );
      return pageOf(rows, limit, (category) => [category.id]);
    },
  };
}
