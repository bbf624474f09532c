// The catalogue in MongoDB.
import { type Db, MongoError } from 'mongodb';
import { defined } from '../../domain/kernel/json.js';
import { type CatalogueQueries, catalogue } from '../../projections/models/catalogue.js';
import { pageOf } from '../../projections/models/page.js';
import { type ProductDocument, productView } from '../../projections/models/product.js';
import { filterKey } from '../../projections/models/texts.js';
import { physicalName } from '../../projections/runtime/projection.js';
import { isLate } from '../mongodb.js';
import type { MongoDocument } from '../sinks/mongodb.js';
import { orUnavailable } from '../sinks/unavailable.js';

/** An operation without an answer is abandoned after this time. */
const OPERATION_TIMEOUT_MS = 5_000;

export function createMongoCatalogue(db: Db, projection = catalogue): CatalogueQueries {
  const products = db.collection<MongoDocument>(physicalName(projection));
  const away = <T>(work: () => Promise<T>) =>
    orUnavailable('MongoDB', (error) => error instanceof MongoError || isLate(error), work);
  const inTime = () => ({ signal: AbortSignal.timeout(OPERATION_TIMEOUT_MS) });
  const viewOf = ({ document }: Pick<MongoDocument, 'document'>) =>
    document && productView(document as ProductDocument);

  return {
    async list({ category, limit, after }) {
      const filter = {
        'document.status': 'published',
        ...defined({
          'document.categoryKeys': category !== undefined ? filterKey(category) : undefined,
          'document.id': after && { $gt: after[0] },
        }),
      };
      const found = await away(() =>
        products
          .find(filter, { projection: { document: 1 }, ...inTime() })
          .sort({ 'document.id': 1 })
          .limit(limit + 1)
          .toArray(),
      );
      return pageOf(
        found.flatMap((entry) => viewOf(entry) ?? []),
        limit,
        (product) => [product.id],
      );
    },

    async categories({ limit, after }) {
      const beyond = after && { $gt: after[0] };
      const found = await away(() =>
        products
          .aggregate<{ _id: string; name: string; products: number }>(
            [
              { $match: { 'document.status': 'published', ...(beyond && { 'document.categoryKeys': beyond }) } },
              {
                $project: {
                  named: { $zip: { inputs: ['$document.categoryKeys', { $ifNull: ['$document.categories', []] }] } },
                },
              },
              { $unwind: '$named' },
              { $project: { key: { $arrayElemAt: ['$named', 0] }, name: { $arrayElemAt: ['$named', 1] } } },
              ...(beyond ? [{ $match: { key: beyond } }] : []),
              // A product may name a category twice.
              { $group: { _id: { product: '$_id', key: '$key' }, name: { $min: '$name' } } },
              { $group: { _id: '$_id.key', name: { $min: '$name' }, products: { $sum: 1 } } },
              { $sort: { _id: 1 } },
              { $limit: limit + 1 },
            ],
            inTime(),
          )
          .toArray(),
      );
      const { data, ...rest } = pageOf(found, limit, (category) => [category._id]);
      return { data: data.map(({ name, products }) => ({ id: name, products })), ...rest };
    },
  };
}
