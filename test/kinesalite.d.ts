// The part of kinesalite that the tests use; the package brings no types.
declare module 'kinesalite' {
  import type { Server } from 'node:http';

  /** Pauses are how long a stream or shard takes to change, in ms. Without a path it keeps its data in memory. */
  export default function kinesalite(options: {
    createStreamMs?: number;
    updateStreamMs?: number;
    deleteStreamMs?: number;
  }): Server;
}
