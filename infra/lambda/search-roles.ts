// The rights of functions inside OpenSearch. Its fine-grained access keeps them beside IAM, and only the role of `set-up`, which
// administers the domain, can give them.
import type { Client } from '@opensearch-project/opensearch';
import { z } from 'zod';
import { ConfigError } from '../config.js';

/** ARNs of the roles of functions, by what these do with the indices of the shop. */
const rolesSchema = z.object({ reads: z.array(z.string()), indexes: z.array(z.string()) });
export type SearchRoles = z.infer<typeof rolesSchema>;

/** Permissions and action groups of OpenSearch's security plugin: of the cluster, and of the indices of the shop. */
const RIGHTS = {
  reads: {
    cluster: ['cluster:monitor/main', 'cluster_composite_ops_ro', 'indices:data/read/scroll*'],
    index: ['read', 'indices:admin/refresh*'],
  },
  indexes: {
    cluster: ['cluster:monitor/main', 'cluster_composite_ops', 'indices:data/read/scroll*'],
    index: ['crud', 'create_index', 'manage'],
  },
} as const satisfies Record<keyof SearchRoles, unknown>;

const REQUEST = { requestTimeout: 10_000, maxRetries: 3 };

/** `text`: the variable `COMMERCE_SEARCH_ROLES`, a `SearchRoles` in JSON. Repeating it changes nothing. */
export async function giveSearchRights(client: Client, namespace: string, text: string): Promise<void> {
  const roles = rolesIn(text);
  for (const kind of ['reads', 'indexes'] as const) {
    const { cluster, index } = RIGHTS[kind];
    await put(client, `roles/${namespace}-${kind}`, {
      cluster_permissions: cluster,
      index_permissions: [{ index_patterns: [`${namespace}-*`], allowed_actions: index }],
    });
    await put(client, `rolesmapping/${namespace}-${kind}`, { backend_roles: roles[kind] });
  }
}

function rolesIn(text: string): SearchRoles {
  try {
    return rolesSchema.parse(JSON.parse(text));
  } catch {
    throw new ConfigError('COMMERCE_SEARCH_ROLES: must be JSON such as {"reads":["arn:…"],"indexes":["arn:…"]}.');
  }
}

async function put(client: Client, path: string, body: object): Promise<void> {
  await client.transport.request({ method: 'PUT', path: `/_plugins/_security/api/${path}`, body }, REQUEST);
}
