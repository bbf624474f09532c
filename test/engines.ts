// The real engines for the tests: brought up when the first suite asks for one, shared by the whole mocha run.

/** Stops whatever this run started. */
export async function stopEngines(): Promise<void> {}
