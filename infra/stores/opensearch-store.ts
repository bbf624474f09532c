// The product's data in OpenSearch: read models of one namespace.
import { errors, type Client as OpenSearchClient } from '@opensearch-project/opensearch';
import { MARK, MARK_ID, type Probe } from './marks.js';
import { leftMark, type Mark, type Store } from './store.js';

export function openSearchProbe(client: OpenSearchClient, namespace: string, requestTimeout: number): Probe {
  const get = { index: `${namespace}-${MARK}`, id: MARK_ID };
  return () => client.get(get, { requestTimeout, maxRetries: 0, ignore: [404] });
}

export function openSearchReadModels(client: OpenSearchClient, address: string, namespace: string): Store {
  const index = `${namespace}-${MARK}`;

  async function read(): Promise<Mark | undefined> {
    try {
      const { body } = await client.get({ index, id: MARK_ID });
      return (body._source as { mark: Mark }).mark;
    } catch (error) {
      if (isStatus(error, 404)) return undefined;
      throw error;
    }
  }

  async function ownIndices(): Promise<string[]> {
    const { body } = await client.cat.indices({ format: 'json', h: ['index'] });
    const prefix = `${namespace}-`;
    return (body as { index: string }[])
      .map(({ index: name }) => name)
      .filter((name) => name.startsWith(prefix) && isOfNamespace(name.slice(prefix.length)));
  }

  return {
    name: `OpenSearch at ${address}, indices ${namespace}-*`,
    mark: async () => (await read()) ?? ((await ownIndices()).length > 0 ? 'unmarked' : undefined),
    async leaveMark(mark) {
      const settings = { number_of_shards: 1, auto_expand_replicas: '0-1' };
      const mappings = { dynamic: false };
      await unlessStatus(400, () => client.indices.create({ index, body: { settings, mappings } as never }));
      await unlessStatus(409, () => client.create({ index, id: MARK_ID, body: { mark }, refresh: true }));
      return leftMark(await read());
    },
    async erase() {
      for (const name of [...(await ownIndices()), index]) {
        await unlessStatus(404, () => client.indices.delete({ index: name }));
      }
    },
  };
}

/** One namespace may be a prefix of another: `shop` and `shop-two`. OpenSearch holds only the product search. */
function isOfNamespace(rest: string): boolean {
  return /^(product-search|positions)_v\d+(_b\d+)?$/.test(rest);
}

async function unlessStatus(status: number, request: () => Promise<unknown>): Promise<void> {
  try {
    await request();
  } catch (error) {
    if (!isStatus(error, status)) throw error;
  }
}

function isStatus(error: unknown, status: number): boolean {
  return error instanceof errors.ResponseError && error.statusCode === status;
}
