// A progress line on the terminal: position, speed and remaining time of a long job. It prints nothing in a pipe.
import { Presets, SingleBar } from 'cli-progress';

export interface Progress {
  /** A report of another job or another total begins a new line. Without a total, there is no time left to show. */
  report(job: string, done: number, total?: number): void;
  /** Keeps the last line on the screen. */
  end(): void;
}

/** Redraws per second. */
const FPS = 5;

export function createProgress(stream: NodeJS.WriteStream = process.stderr): Progress {
  if (!stream.isTTY) return { report() {}, end() {} };
  let current: { job: string; bar: SingleBar; startedAt: number } | undefined;

  function begin(job: string, total: number) {
    current?.bar.stop();
    const format =
      total === 0 ? `${job} {value}, {rate}/s` : `${job} {value}/{total} {bar} {rate}/s, {eta_formatted} left`;
    const bar = new SingleBar({ format, stream, fps: FPS, hideCursor: true, etaBuffer: 500 }, Presets.shades_classic);
    bar.start(total, 0, { rate: 0 });
    current = { job, bar, startedAt: performance.now() };
    return current;
  }

  return {
    report(job, done, total = 0) {
      const { bar, startedAt } = current?.job === job && current.bar.getTotal() === total ? current : begin(job, total);
      const seconds = (performance.now() - startedAt) / 1000;
      bar.update(done, { rate: Math.round(done / Math.max(seconds, 0.001)) });
    },
    end() {
      current?.bar.stop();
      current = undefined;
    },
  };
}
