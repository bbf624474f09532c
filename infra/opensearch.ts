// The client of OpenSearch. Amazon OpenSearch Service wants requests that are signed with AWS credentials.
import { Client } from '@opensearch-project/opensearch';
import { AwsSigv4Signer } from '@opensearch-project/opensearch/aws-v3';

/** Whose requests are signed: a domain of Amazon OpenSearch Service, or a serverless collection. */
export type SigningService = 'es' | 'aoss';

export interface Signing {
  region: string;
  service: SigningService;
  /** Called again when the credentials are about to expire. */
  credentials(): Promise<{ accessKeyId: string; secretAccessKey: string; sessionToken?: string; expiration?: Date }>;
}

export function createOpenSearchClient({ node, signing }: { node: string; signing?: Signing }): Client {
  if (!signing) return new Client({ node });
  const { region, service, credentials } = signing;
  return new Client({ ...AwsSigv4Signer({ region, service, getCredentials: credentials }), node });
}
