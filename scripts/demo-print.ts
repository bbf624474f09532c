// The output of `commerce demo`: coloured text for people at a terminal, and JSON lines for programs.
import { styleText } from 'node:util';
import { exponentOf } from '../domain/kernel/currency.js';
import type { Money } from '../domain/kernel/money.js';
import type { Exchange } from './demo-caller.js';
import type { DemoEnd } from './demo-story.js';

/** Characters of a request body that are shown. */
const MAX_BODY_CHARS = 160;

export interface Teller {
  chapter(title: string): void;
  exchange(exchange: Exchange): void;
  end(end: DemoEnd): void;
}

/** `print` accepts one or more lines. */
export function tellerForPeople(print: (text: string) => void): Teller {
  let chapters = 0;
  return {
    chapter(title) {
      print(`\n${styleText('bold', `${++chapters}. ${title}`)}\n`);
    },
    exchange({ who, method, path, body, status, shown }) {
      const sent = body === undefined ? '' : ` ${styleText('dim', shortened(JSON.stringify(body)))}`;
      print(`  ${who.padEnd(9)} ${styleText('cyan', method)} ${path}${sent}`);
      const answered = styleText(status < 400 ? 'green' : 'yellow', String(status));
      print(`  ${' '.repeat(9)} ${answered} ${Object.entries(shown).map(formatted).join(' · ')}`.trimEnd());
    },
    end({ paid, kept }) {
      print(`\nAda has paid ${moneyText(paid)}; what she keeps, and its shipping, is worth ${moneyText(kept)}.`);
    },
  };
}

export function tellerForMachines(print: (text: string) => void): Teller {
  let chapter = '';
  return {
    chapter(title) {
      chapter = title;
    },
    exchange: ({ shown, ...exchange }) => print(JSON.stringify({ chapter, ...exchange })),
    end: (end) => print(JSON.stringify(end)),
  };
}

function formatted([name, value]: [string, unknown]): string {
  return `${name} ${textOf(value)}`;
}

function textOf(value: unknown): string {
  if (isMoney(value)) return moneyText(value);
  if (Array.isArray(value)) return value.map(textOf).join(', ');
  if (typeof value === 'object' && value !== null) return Object.entries(value).map(formatted).join(' ');
  return String(value);
}

function isMoney(value: unknown): value is Money {
  return typeof value === 'object' && value !== null && 'amount' in value && 'currency' in value;
}

function moneyText({ amount, currency }: Money): string {
  return new Intl.NumberFormat('en-GB', { style: 'currency', currency }).format(amount / 10 ** exponentOf(currency));
}

function shortened(text: string): string {
  return text.length <= MAX_BODY_CHARS ? text : `${text.slice(0, MAX_BODY_CHARS - 1)}…`;
}
