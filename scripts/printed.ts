// Data of the log as people read it on a terminal: sealed values are named, control characters are escaped.
import { inspect } from 'node:util';
import type { Sealed } from '../domain/kernel/personal.js';
import { replaceSealed } from '../read-api/audit/sealed.js';

/** Shown instead of a sealed value. */
class Placeholder {
  constructor(private readonly text: string) {}
  [inspect.custom](): string {
    return this.text;
  }
}

const placeholderOf = ({ sealed }: Sealed) => new Placeholder(`(sealed: ${sealed})`);

/** Several lines, each indented by so many blanks. */
export async function printed(value: unknown, indent: number): Promise<string> {
  const shown = await replaceSealed(value, placeholderOf);
  const breakLength = (process.stdout.columns || 100) - indent;
  const text = inspect(shown, { depth: null, maxArrayLength: null, maxStringLength: null, breakLength, compact: 3 });
  return text.replaceAll(/^/gm, ' '.repeat(indent));
}
