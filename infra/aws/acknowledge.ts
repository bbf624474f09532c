// Acknowledges findings of cdk-nag, each with its reason, beside the construct that they are about.
import { Validations } from 'aws-cdk-lib';
import type { IConstruct } from 'constructs';

/** `findings`: the reason by the id of the rule, without `AwsSolutions-`. */
export function acknowledge(construct: IConstruct, findings: Readonly<Record<string, string>>): void {
  const acknowledged = Object.entries(findings).map(([rule, reason]) => ({ id: `AwsSolutions-${rule}`, reason }));
  Validations.of(construct).acknowledge(...acknowledged);
}
