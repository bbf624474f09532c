// `commerce recommend-eval`: how good the recommendations are on real clicks and invoices, beside two plain models.
import { Command, Option } from 'commander';
import { OperatorError } from '../../domain/kernel/errors.js';
import { jsonOption } from '../options.js';
import { print } from '../printed.js';
import { createProgress } from '../progress.js';
import { type Evaluation, evaluate, nextItem, otherLine, type Result } from '../recommend-eval/evaluate.js';
import { basketsIn, sessionsIn } from '../recommend-eval/files.js';
import { alsoBought, browsing, cooccurrence, type Model, popular } from '../recommend-eval/models.js';
import { table } from '../table.js';

/** Without a file of test sessions, the last one of so many parts is the test. */
const PARTS = 5;

const NAMES = { popular: 'most popular', cooccurrence: 'co-occurrence', ours: 'this shop' };
type Name = keyof typeof NAMES;
type Measured = Evaluation<Name>;

interface Options {
  test?: string;
  invoices?: string;
  json?: boolean;
}

export function recommendEvalCommand(): Command {
  return new Command('recommend-eval')
    .description('how often the next click, or another line of an invoice, is among the 20 recommended products')
    .argument('<clicks>', 'sessions of clicks in order, CSV with semicolons, plain or gzip')
    .addOption(
      new Option('--test <file>', 'test sessions in the same format (default: the last fifth of the sessions)'),
    )
    .addOption(new Option('--invoices <file>', 'also measure also-bought on these invoices (Online Retail)'))
    .addOption(jsonOption())
    .action(run);
}

async function run(clicks: string, { test, invoices, json }: Options): Promise<void> {
  const measured = await evaluateClicks(clicks, test);
  const bought = invoices === undefined ? undefined : await evaluateInvoices(invoices);
  if (json) {
    console.log(JSON.stringify(bought ? { ...measured, invoices: bought } : measured));
    return;
  }
  const texts = [shown('The next click of a session', 'clicks', measured)];
  if (bought) texts.push('', shown('Another line of an invoice', 'lines', bought));
  print(texts.join('\n'));
}

/** Throws `ImportError` if a file is missing or broken, `OperatorError` if there is nothing to predict. */
export function evaluateClicks(clicks: string, test?: string): Promise<Measured> {
  return measure(clicks, test, {
    read: async function* (file) {
      for await (const { products } of sessionsIn(file)) yield products;
    },
    tasksOf: nextItem,
    cooccurrence: cooccurrence({ again: true }),
    ours: browsing(),
  });
}

export function evaluateInvoices(invoices: string): Promise<Measured> {
  return measure(invoices, undefined, {
    read: basketsIn,
    tasksOf: otherLine,
    cooccurrence: cooccurrence({ again: false }),
    ours: alsoBought(),
  });
}

interface Kind {
  read(file: string): AsyncIterable<readonly string[]>;
  tasksOf: typeof nextItem;
  cooccurrence: Model;
  ours: Model;
}

async function measure(
  file: string,
  testFile: string | undefined,
  { read, tasksOf, ...models }: Kind,
): Promise<Measured> {
  const all = await count(read(file));
  const learnt = testFile === undefined ? all - Math.floor(all / PARTS) : all;
  const progress = createProgress();
  try {
    const measured = await evaluate(
      { popular: popular(), ...models },
      {
        train: part(read(file), 0, learnt),
        test: testFile === undefined ? part(read(file), learnt, all) : read(testFile),
        tasksOf,
        onTested: (sessions) => progress.report('tested', sessions),
      },
    );
    if (measured.test.events > 0) return measured;
    throw new OperatorError(
      `${testFile ?? file} has nothing to predict: the test needs sessions or invoices of two products or more. Name a longer file.`,
    );
  } finally {
    progress.end();
  }
}

async function count(entries: AsyncIterable<unknown>): Promise<number> {
  let number = 0;
  for await (const _ of entries) number++;
  return number;
}

async function* part<T>(entries: AsyncIterable<T>, from: number, to: number): AsyncIterable<T> {
  let place = 0;
  for await (const entry of entries) {
    if (place >= to) return;
    if (place++ >= from) yield entry;
  }
}

function shown(title: string, events: string, { test, models }: Measured): string {
  const number = (value: number) => value.toLocaleString('en-GB');
  const row = (name: Name, { hr20, mrr20, coverage }: Result) => [
    NAMES[name],
    hr20.toFixed(4),
    mrr20.toFixed(4),
    coverage.toFixed(4),
  ];
  const { hr20 } = models.cooccurrence;
  return [
    `${title}, for ${number(test.events)} ${events} of ${number(test.sessions)} tests:`,
    table({
      head: ['model', 'HR@20', 'MRR@20', 'coverage'],
      rows: (Object.keys(NAMES) as Name[]).map((name) => row(name, models[name])),
      right: [1, 2, 3],
    }),
    ...(hr20 > 0
      ? [`The HR@20 of this shop is ${(models.ours.hr20 / hr20).toFixed(3)} times that of co-occurrence.`]
      : []),
  ].join('\n');
}
