// How Stryker mutates domain/: from the repository's root, on a copy with nothing else, compiled once to JavaScript. Each static
// mutant, such as one of a schema, starts a new process, which tsx would make slow. They are tried only if STATIC is set.
const REPORTS = 'coverage/mutation';

export default {
  mutate: ['domain/**/!(*.test).ts'],
  ignorePatterns: [
    '*',
    '!domain',
    '!domain/**',
    '!test',
    'test/*',
    '!test/address-data.ts',
    '!test/the.ts',
    '!test/domain',
    '!test/domain/**',
    '!test/mutation',
    '!test/mutation/setup.mjs',
    '!package.json',
  ],
  buildCommand:
    'esbuild domain/**/*.ts test/domain/*.ts test/address-data.ts test/the.ts --outdir=. --outbase=. --platform=node --log-level=warning',
  plugins: ['@stryker-mutator/mocha-runner'],
  testRunner: 'mocha',
  mochaOptions: {
    'no-config': true,
    'no-package': true,
    require: ['./test/mutation/setup.mjs'],
    // The golden files first: they kill the mutants of schemas at once.
    spec: ['test/domain/golden.test.js', 'test/domain/*.test.js', 'domain/**/*.test.js'],
  },
  coverageAnalysis: 'perTest',
  ignoreStatic: !process.env.STATIC,
  concurrency: 2,
  timeoutMS: 10_000,
  warnings: { slow: false },
  reporters: ['clear-text', 'html', 'json'],
  clearTextReporter: { allowEmojis: false, logTests: false, reportTests: false, reportScoreTable: true },
  htmlReporter: { fileName: `${REPORTS}/report.html` },
  jsonReporter: { fileName: `${REPORTS}/report.json` },
  tempDirName: `${REPORTS}/sandbox`,
  thresholds: { high: 98, low: 95, break: 95 },
  disableTypeChecks: false,
};
