// Data of the log as people read it on a terminal: sealed values are named, and nothing controls the terminal.
import { inspect } from 'node:util';
import type { Sealed } from '../domain/kernel/personal.js';
import { replaceSealed } from '../read-api/audit/sealed.js';

/** Characters that control the terminal or the direction of text. A changed log may have them anywhere. */
const CONTROLS = /[^\P{Cc}\n]|[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu;

/** Prints text that may contain data of the log. */
export function print(text: string): void {
  console.log(text.replaceAll(CONTROLS, ''));
}

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
