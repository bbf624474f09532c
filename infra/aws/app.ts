// The app: the stacks of each stage, in the order in which they are deployed, under the rules of cdk-nag.
import { App, Validations } from 'aws-cdk-lib';
import { CURRENTLY_RECOMMENDED_FLAGS } from 'aws-cdk-lib/cx-api';
import { AwsSolutionsChecks } from 'cdk-nag';
import type { Endpoint } from '../../domain/kernel/endpoint.js';
import { ApiStack } from './api-stack.js';
import { DataStack } from './data-stack.js';
import { FirewallStack } from './firewall-stack.js';
import { type CodeOf, FunctionsStack } from './functions-stack.js';
import { NetworkStack } from './network-stack.js';
import type { Stage } from './stages.js';
import { roleArnOf, WRITERS } from './statements.js';

export interface AppDeps {
  stages: readonly Stage[];
  endpoints: readonly Endpoint[];
  codeOf: CodeOf;
  /** Where the templates are written. Default: a temporary folder. */
  outdir?: string;
}

export function createApp({ stages, endpoints, codeOf, outdir }: AppDeps): App {
  // The behaviour that a new project gets; without its flags the CDK keeps that of its first versions. References between stacks
  // are exports, so that nothing can be deleted that another stack uses.
  const context = { ...CURRENTLY_RECOMMENDED_FLAGS, '@aws-cdk/core:defaultCrossStackReferences': 'strong' };
  const app = new App({ outdir, context, analyticsReporting: false, treeMetadata: false });
  Validations.of(app).addPlugins(new AwsSolutionsChecks(app));
  for (const stage of stages) addStage(app, stage, { endpoints, codeOf });
  return app;
}

/** Whoever deletes a stack of `prod` has to lift its protection first. */
function addStage(app: App, stage: Stage, { endpoints, codeOf }: Pick<AppDeps, 'endpoints' | 'codeOf'>): void {
  const env = { account: stage.account, region: stage.region };
  const props = (concern: string) => ({
    env,
    stage,
    stackName: `${stage.namespace}-${concern}`,
    terminationProtection: stage.name === 'prod',
  });
  const id = (concern: string) => `${stage.name}-${concern}`;
  const network = new NetworkStack(app, id('network'), props('network'));
  const data = new DataStack(app, id('data'), {
    ...props('data'),
    network,
    writers: WRITERS.map((name) => roleArnOf(network, stage.namespace, name)),
    searchAdmin: roleArnOf(network, stage.namespace, 'set-up'),
  });
  const functions = new FunctionsStack(app, id('functions'), { ...props('functions'), network, data, codeOf });
  const api = new ApiStack(app, id('api'), { ...props('api'), network, data, functions, endpoints });
  new FirewallStack(app, id('firewall'), { ...props('firewall'), network, api });
}
