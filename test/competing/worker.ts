// A process that consumes a part of the log. It does the tasks that its parent sends, one after the other: it says when it is
// ready, and begins when all consumers are.
import type { StorePlace } from '../sinks.js';
import { openConsumer, type Scenario } from './world.js';

export type Task = { place: StorePlace; scenario: Scenario; consumer: number } | 'begin';

let begin = () => {};

process.on('message', async (task: Task) => {
  if (task === 'begin') return begin();
  const { consume, close } = await openConsumer(task.place, task.scenario, task.consumer);
  const begun = new Promise<void>((resolve) => {
    begin = resolve;
  });
  process.send?.('ready');
  await begun;
  await consume();
  await close();
  process.send?.('done');
});
