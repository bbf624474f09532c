// The part of the synthesised stacks that the local engine of AWS can deploy, and what stays out.
import type { Json } from './templates.js';

export interface Template {
  Resources: Record<string, LocalResource>;
  Outputs?: Record<string, Json & { Export?: { Name: unknown } }>;
}

interface LocalResource extends Json {
  Type: string;
  Properties?: Json;
}

/**
 * The network, the stores of the read models and both fronts are not among them. Neither are schedules, so that nothing but records
 * starts a projector.
 */
const TYPES: ReadonlySet<string> = new Set([
  'AWS::DynamoDB::Table',
  'AWS::IAM::Role',
  'AWS::KMS::Key',
  'AWS::Kinesis::Stream',
  'AWS::Lambda::Alias',
  'AWS::Lambda::EventInvokeConfig',
  'AWS::Lambda::EventSourceMapping',
  'AWS::Lambda::Function',
  'AWS::Lambda::Version',
  'AWS::Logs::LogGroup',
  'AWS::S3::Bucket',
  'AWS::S3::BucketPolicy',
  'AWS::SQS::Queue',
  'AWS::SQS::QueuePolicy',
  'AWS::SecretsManager::Secret',
]);

/** Marks a value that refers to something that is not deployed. */
const GONE = Symbol('not deployed');

/** What functions on this machine have instead of the variables of their template. */
export interface LocalVariables {
  /** In place of variables of the same name. `undefined` removes one. */
  instead: Readonly<Record<string, string | undefined>>;
  everywhere: Readonly<Record<string, string>>;
}

/**
 * The templates, in the order in which they are deployed, without what the engine does not deploy and without every value that refers
 * to it.
 */
export function localPartOf(templates: readonly Template[], variables: LocalVariables): Template[] {
  const exports = new Set<unknown>();
  return templates.map(({ Resources, Outputs = {} }) => {
    const kept = Object.entries(Resources).filter(([, { Type }]) => TYPES.has(Type));
    const ids = new Set(kept.map(([id]) => id));
    const isThere: IsThere = (name, of) => {
      if (name === 'Fn::ImportValue') return exports.has(of);
      const id = String(Array.isArray(of) ? of[0] : of);
      return id.startsWith('AWS::') || ids.has(id);
    };
    const part: Template = { Resources: {}, Outputs: {} };
    for (const [id, { Metadata: _, DependsOn, ...resource }] of kept) {
      const before = [DependsOn ?? []].flat().filter((other) => ids.has(String(other)));
      const found = without(localised(resource, variables), isThere) as LocalResource;
      part.Resources[id] = { ...found, ...(before.length > 0 && { DependsOn: before }) };
    }
    for (const [id, output] of Object.entries(Outputs)) {
      if (without(output.Value, isThere) === GONE) continue;
      part.Outputs![id] = output;
      exports.add(output.Export?.Name);
    }
    return part;
  });
}

type IsThere = (name: string, of: unknown) => boolean;

/** Functions on this machine are in no network. */
function localised(resource: LocalResource, { instead, everywhere }: LocalVariables): LocalResource {
  if (resource.Type !== 'AWS::Lambda::Function') return resource;
  const { VpcConfig: _, ...properties } = resource.Properties as Json & { Environment: { Variables: Json } };
  const Variables: Record<string, unknown> = { ...properties.Environment.Variables, ...everywhere };
  for (const [name, value] of Object.entries(instead)) {
    if (value === undefined) delete Variables[name];
    else if (name in Variables) Variables[name] = value;
  }
  return { ...resource, Properties: { ...properties, Environment: { Variables } } };
}

/** Leaves out each property and each element of a list that refers to something that is not there. */
function without(value: unknown, isThere: IsThere): unknown {
  if (Array.isArray(value)) return value.map((each) => without(each, isThere)).filter((each) => each !== GONE);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value);
  const [[name, of] = ['', undefined]] = entries;
  if (['Ref', 'Fn::GetAtt', 'Fn::ImportValue'].includes(name)) return isThere(name, of) ? value : GONE;
  if (name.startsWith('Fn::')) return isWhole(of, isThere) ? value : GONE;
  const there = entries.map(([key, each]) => [key, without(each, isThere)] as const);
  return Object.fromEntries(there.filter(([, each]) => each !== GONE));
}

function isWhole(value: unknown, isThere: IsThere): boolean {
  if (Array.isArray(value)) return value.every((each) => isWhole(each, isThere));
  if (typeof value !== 'object' || value === null) return true;
  return without(value, isThere) !== GONE;
}
