// The import boundaries: imports point one way, domain ← commands, projections ← read-api ← infra ← scripts.
const only = (folder, allowed, packages) => ({
  name: `${folder}-imports`,
  severity: 'error',
  from: { path: `^${folder}/`, pathNot: '\\.test\\.ts$' },
  to: {
    pathNot: [...allowed.map((name) => `^${name}/`), ...packages.map((name) => `node_modules/${name}/`), '^node:'],
    dependencyTypesNot: ['core'],
  },
});

module.exports = {
  forbidden: [
    { name: 'no-circular', severity: 'error', from: {}, to: { circular: true } },
    {
      name: 'domain-is-pure',
      severity: 'error',
      from: { path: '^domain/', pathNot: '\\.test\\.ts$' },
      to: { dependencyTypes: ['core'] },
    },
    only('domain', ['domain'], ['zod']),
    only('commands', ['commands', 'domain'], ['zod', 'lru-cache', 'csv-parse']),
    only('projections', ['projections', 'domain'], ['zod', 'stemmer']),
    only('read-api', ['read-api', 'projections', 'domain'], ['zod']),
    {
      name: 'read-api-sees-query-ports-only',
      severity: 'error',
      from: { path: '^read-api/', pathNot: '\\.test\\.ts$' },
      to: {
        path: '^projections/',
        pathNot: '^projections/(models|recommendation|visibility|rebuild/rebuilds|runtime/builds)',
      },
    },
    {
      name: 'infra-not-scripts',
      severity: 'error',
      from: { path: '^infra/', pathNot: '\\.test\\.ts$' },
      to: { path: '^(scripts|test)/' },
    },
    {
      name: 'loaded-where-configured',
      comment: 'Clients that most programs do not need are loaded by import(), so that start and bundles stay light.',
      severity: 'error',
      from: { pathNot: '^(test|infra/aws)/|\\.test\\.ts$' },
      to: {
        path: '^infra/(tracing/opentelemetry|crypto/kms-key-wrap)\\.ts$',
        dynamic: false,
        dependencyTypesNot: ['type-only'],
      },
    },
    {
      name: 'product-not-tests',
      severity: 'error',
      from: { pathNot: '(\\.test\\.ts$|^test/)' },
      to: { path: '(\\.test\\.ts$|^test/)' },
    },
    { name: 'stacks-are-separate', severity: 'error', from: { pathNot: '^infra/aws/' }, to: { path: '^infra/aws/' } },
    // The CDK is installed for those who use it.
    {
      name: 'resolvable',
      severity: 'error',
      from: {},
      to: { couldNotResolve: true, pathNot: '^(aws-cdk-lib|cdk-nag|constructs)(/|$)' },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    // The server puts the library of the console beside its pages.
    exclude: { path: '(^|/)lit-html\\.js$' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'node', 'default', 'types'],
    },
  },
};
