// A command as a process issues it to an aggregate.
import type { StreamId } from '../kernel/stream.js';

export interface Issued<C> {
  /**
   * Command id: `<process>/<command>[/<target>]`, the same whoever issues it, where the process is a checkout or an operation
   * of an order; each sends a command to a target once.
   */
  id: string;
  stream: StreamId;
  command: C;
}
