// docs/iam.md from the synthesised templates: what each role may do.
import { FUNCTIONS } from '../lambda/functions.js';
import type { Stage } from './stages.js';
import { STOCK_FILES_ROLE } from './statements.js';
import type { Json, Templates } from './templates.js';

export interface Allowed {
  /** A function, or the path of the construct that made the role. */
  role: string;
  actions: readonly string[];
  resources: readonly string[];
  condition?: unknown;
}

/** All statements of all roles. */
export function allowed({ ofType, text }: Templates): Allowed[] {
  const nameOf = (reference: unknown) => text(reference).replace(/^<(?:Role-)?(.*)>$/, '$1');
  const inRoles = ofType('AWS::IAM::Role').flatMap(({ id, properties }) =>
    ((properties.Policies ?? []) as Json[]).map(({ PolicyDocument }) => ({
      roles: [nameOf({ Ref: id })],
      PolicyDocument,
    })),
  );
  const beside = ofType('AWS::IAM::Policy').map(({ properties }) => ({
    roles: (properties.Roles as unknown[]).map(nameOf),
    PolicyDocument: properties.PolicyDocument,
  }));
  return [...inRoles, ...beside].flatMap(({ roles, PolicyDocument }) =>
    (PolicyDocument as { Statement: Json[] }).Statement.flatMap(({ Effect, Action, Resource, Condition }) => {
      if (Effect !== 'Allow') return [];
      const statement = {
        actions: listOf(Action).map(String),
        resources: listOf(Resource).map(text),
        ...(Condition !== undefined && { condition: Condition }),
      };
      return roles.map((role) => ({ role, ...statement }));
    }),
  );
}

function listOf(value: unknown): unknown[] {
  return Array.isArray(value) ? value : [value];
}

/** The page is the same for all stages: names are without the namespace, the account and the region. */
export function iamPage({ stage, templates }: { stage: Stage; templates: Templates }): string {
  const statements = allowed(templates);
  const rowsOf = (role: string) =>
    statements
      .filter((statement) => statement.role === role)
      .flatMap(({ actions, resources }) =>
        resources.map((resource) => `| ${codes(actions)} | ${codes([shortened(resource, role, stage)])} |`),
      );
  const functions = Object.keys(FUNCTIONS);
  const shared = rowsOf(functions[0] ?? '').filter((row) => functions.every((name) => rowsOf(name).includes(row)));
  const isOther = (role: string) => !functions.includes(role) && role !== STOCK_FILES_ROLE;
  const others = [...new Set(statements.map(({ role }) => role))].filter(isOther).sort();
  const section = (role: string, rows: readonly string[]) => `### ${role}\n\n${TABLE}\n${rows.join('\n')}\n`;
  return `# IAM

This page lists what each role of the AWS stacks may do. \`infra/aws/aws.test.ts\` generates it from the synthesised templates, and
fails if it is out of date, so a change of a right is a change of this page. Names are shown without the namespace of the stage;
\`<…>\` is a resource whose name AWS chooses. The functions of Secrets Manager that change passwords come from AWS, with roles of
their own.

Nobody can update, delete or batch-write in the table \`events\`, or change it by PartiQL: no role is allowed to, and the policy of
the table itself denies it to everybody. It also denies \`PutItem\` to all but the roles that have it here.

## Functions

Every function may do this, too:

${TABLE}
${shared.join('\n')}

\`*\`: network interfaces and traces have no resources in IAM, and give access to no data.

${functions
  .map((name) =>
    section(
      name,
      rowsOf(name).filter((row) => !shared.includes(row)),
    ),
  )
  .join('\n')}
## People

No function reads the files that people upload. Whoever runs \`commerce import stock s3://…\`, or starts a container for it, takes on this
role ([operating-aws.md](operating-aws.md#stock-files)).

${section(STOCK_FILES_ROLE, rowsOf(STOCK_FILES_ROLE))}
## Services of AWS

${others.map((role) => section(role, rowsOf(role))).join('\n')}`;
}

const TABLE = '| actions | resource |\n|---|---|';

function codes(texts: readonly string[]): string {
  return texts.map((text) => `\`${text}\``).join(', ');
}

/** `arn:aws:dynamodb:eu-west-1:111122223333:table/commerce-prod-events` → `table/events`. */
function shortened(resource: string, role: string, { namespace }: Stage): string {
  return resource
    .replace(`<Log-${role}>`, '<its own log>')
    .replace(/^arn:aws:s3:::/, 'bucket/')
    .replace(/^arn:aws:[^:]*:[^:]*:[^:]*:/, '')
    .replaceAll(`${namespace}-`, '')
    .replaceAll(/-\d{12}/g, '')
    .replaceAll(`/${namespace}/`, '/<namespace>/');
}
