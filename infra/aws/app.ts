// The app: the stacks of each stage, in the order in which they are deployed, under the rules of cdk-nag.
import { App, Validations } from 'aws-cdk-lib';
import {
  CDK_APP_MODE_CONTEXT,
  CURRENTLY_RECOMMENDED_FLAGS,
  PATH_METADATA_ENABLE_CONTEXT,
  VALIDATE_AGAINST_DEFAULT_RULES,
} from 'aws-cdk-lib/cx-api';
import { AwsSolutionsChecks } from 'cdk-nag';
import type { Endpoint } from '../../domain/kernel/endpoint.js';
import { ApiStack } from './api-stack.js';
import { DataStack } from './data-stack.js';
import { FirewallStack } from './firewall-stack.js';
import { type CodeOf, FunctionsStack } from './functions-stack.js';
import { NetworkStack } from './network-stack.js';
import { ObservabilityStack } from './observability-stack.js';
import type { Stage } from './stages.js';
import { roleArnOf, WRITERS } from './statements.js';

export interface AppDeps {
  stages: readonly Stage[];
  endpoints: readonly Endpoint[];
  codeOf: CodeOf;
  /** Findings are thrown, and the schemas of CloudFormation are left out, whose comparison takes nearly all of the time. */
  inTest?: boolean;
}

export function createApp({ stages, endpoints, codeOf, inTest = false }: AppDeps): App {
  const app = new App({
    context: {
      // The behaviour that a new project gets; without these flags the CDK keeps that of its first versions.
      ...CURRENTLY_RECOMMENDED_FLAGS,
      // References between stacks are exports, so that nothing can be deleted that another stack uses.
      '@aws-cdk/core:defaultCrossStackReferences': 'strong',
      [VALIDATE_AGAINST_DEFAULT_RULES]: true,
      [PATH_METADATA_ENABLE_CONTEXT]: true,
      ...(inTest && { [CDK_APP_MODE_CONTEXT]: 'inmemory' }),
    },
    builtinCloudFormationValidation: !inTest,
    analyticsReporting: false,
    treeMetadata: false,
  });
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
    writers: [...WRITERS.map((name) => roleArnOf(network, stage.namespace, name)), ...stage.loaders],
    searchAdmin: roleArnOf(network, stage.namespace, 'set-up'),
  });
  const functions = new FunctionsStack(app, id('functions'), { ...props('functions'), network, data, codeOf });
  const api = new ApiStack(app, id('api'), { ...props('api'), network, data, functions, endpoints });
  new FirewallStack(app, id('firewall'), { ...props('firewall'), network, api });
  new ObservabilityStack(app, id('observability'), { ...props('observability'), data, functions, api });
}
