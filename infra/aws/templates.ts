// Reads synthesised templates: resources by type, and references as the names that people know.

export type Json = Readonly<Record<string, unknown>>;

interface Resource {
  readonly id: string;
  readonly stack: string;
  readonly type: string;
  readonly properties: Json;
  readonly metadata?: Readonly<Record<string, unknown>>;
  readonly deletionPolicy?: string;
}

interface Template {
  readonly Resources: Readonly<
    Record<string, { Type: string; Properties?: Json; Metadata?: Record<string, unknown>; DeletionPolicy?: string }>
  >;
  readonly Outputs?: Readonly<Record<string, { Value: unknown; Export?: { Name: string } }>>;
}

export interface Templates {
  readonly resources: readonly Resource[];
  ofType(type: string): readonly Resource[];
  /** An ARN or a part of one as text. What is known only after the deployment is `<the path of its construct>`. */
  text(value: unknown): string;
}

export function readTemplates(stacks: readonly { stackName: string; template: Template }[]): Templates {
  const resources = stacks.flatMap(({ stackName, template }) =>
    Object.entries(template.Resources).map(([id, { Type, Properties = {}, Metadata, DeletionPolicy }]) => ({
      id,
      stack: stackName,
      type: Type,
      properties: Properties,
      metadata: Metadata,
      deletionPolicy: DeletionPolicy,
    })),
  );
  const exported = new Map(
    stacks.flatMap(({ template }) =>
      Object.values(template.Outputs ?? {}).map((output) => [output.Export?.Name, output.Value] as const),
    ),
  );
  const paths = new Map(resources.map(({ id, metadata }) => [id, pathOf(String(metadata?.['aws:cdk:path'] ?? id))]));

  function text(value: unknown): string {
    if (typeof value !== 'object' || value === null) return String(value);
    const [[name, given]] = Object.entries(value) as [[string, unknown]];
    switch (name) {
      case 'Fn::ImportValue':
        return text(exported.get(String(given)));
      case 'Fn::Join': {
        const [separator, parts] = given as [string, unknown[]];
        return parts.map(text).join(separator);
      }
      case 'Fn::GetAtt': {
        const [id] = given as [string, string];
        return `<${paths.get(id) ?? id}>`;
      }
      case 'Ref':
        return given === 'AWS::Partition' ? 'aws' : `<${paths.get(String(given)) ?? given}>`;
      default:
        return JSON.stringify(value);
    }
  }
  return { resources, ofType: (type) => resources.filter((resource) => resource.type === type), text };
}

/** `prod-data/Commits/Resource` → `Commits`. */
function pathOf(path: string): string {
  return path
    .split('/')
    .slice(1)
    .filter((part) => part !== 'Resource')
    .join('/');
}
