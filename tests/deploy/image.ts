import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { chmodSync, chownSync, cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { type Instruction, parseDockerfile, type Stage, type Step } from './dockerfile.ts';
import { root } from './tools.ts';

/**
 * The image, without an engine: each stage is this machine's own file system with a layer above it (an overlay in a mount namespace), in which
 * the steps of the Dockerfile are really done. The base image's Node and compiler are thus this machine's. Needs root, and Linux.
 */
export class Image {
  readonly #folder = mkdtempSync(join(tmpdir(), 'kestra-mcp-image-'));
  readonly #stage: Stage;

  /** @throws what a step says that fails: what is not copied is not there */
  constructor(dockerfile = readFileSync(join(root, 'Dockerfile'), 'utf8')) {
    const stages = parseDockerfile(dockerfile);
    try {
      this.#context();
      for (const stage of stages) this.#build(stage);
    } catch (error) {
      this.remove();
      throw error;
    }
    this.#stage = stages.at(-1) as Stage;
    mkdirSync(join(this.#folder, 'volume'));
    const { uid, gid } = this.#step('USER');
    chownSync(join(this.#folder, 'volume'), uid, gid);
    // Those who run it must get through to its layers.
    chmodSync(this.#folder, 0o755);
  }

  /** Where the files are that the image adds to its base. */
  get layer(): string {
    return this.#upper(this.#stage.name);
  }

  /** Its program, as its user, without capabilities, on a root that is read-only but for the volume. */
  run(args: readonly string[], env: Readonly<Record<string, string>>): ChildProcess {
    return this.#spawn([...this.#step('ENTRYPOINT').argv, ...args], env);
  }

  /** Another command in it, likewise. @returns the exit code */
  exec(argv: readonly string[], env: Readonly<Record<string, string>>): Promise<number | null> {
    const child = this.#spawn(argv, env);
    return new Promise((resolve) => child.once('close', resolve));
  }

  healthcheck(env: Readonly<Record<string, string>>): Promise<number | null> {
    return this.exec(this.#step('HEALTHCHECK').argv, env);
  }

  remove(): void {
    rmSync(this.#folder, { recursive: true, force: true });
  }

  #upper(stage: string): string {
    return join(this.#folder, `stage-${stage}`, 'upper');
  }

  #step<I extends Instruction>(does: I): Extract<Step, { readonly does: I }> {
    const found = this.#stage.steps.find((step) => step.does === does);
    if (!found) throw new Error(`the image has no ${does}`);
    return found as Extract<Step, { readonly does: I }>;
  }

  /** What the engine is sent: files of the repository, by a list of what may go. */
  #context(): void {
    const allowed = readFileSync(join(root, '.dockerignore'), 'utf8').trim().split('\n');
    if (allowed.shift() !== '*' || !allowed.every((line) => line.startsWith('!')))
      throw new Error('.dockerignore is not a list of what may go');
    const paths = allowed.map((line) => line.slice(1));
    const files = execFileSync('git', ['ls-files', '-co', '--exclude-standard', '-z', '--', ...paths], { cwd: root, encoding: 'utf8' });
    for (const file of files.split('\0').filter((name) => name !== '')) cpSync(join(root, file), join(this.#folder, 'context', file));
  }

  #build({ name, steps }: Stage): void {
    const upper = this.#upper(name);
    for (const folder of ['upper', 'work', 'merged']) mkdirSync(join(dirname(upper), folder), { recursive: true });
    let workdir = '/';
    for (const step of steps) {
      if (step.does === 'WORKDIR') {
        workdir = step.path;
        mkdirSync(join(upper, workdir), { recursive: true });
      }
      if (step.does === 'COPY') {
        const from = step.from === undefined ? join(this.#folder, 'context') : this.#upper(step.from);
        for (const source of step.sources) {
          const named = step.to.endsWith('/') ? join(step.to, source.split('/').at(-1) ?? '') : step.to;
          cpSync(join(from, source), join(upper, workdir, named), { recursive: true, verbatimSymlinks: true });
        }
      }
      if (step.does === 'RUN') {
        const [command, ...args] = this.#within(name, `cd ${workdir} && ${step.command}`, '');
        execFileSync(command as string, args, {
          env: { PATH: process.env.PATH, HOME: process.env.HOME, CI: 'true' },
          stdio: ['ignore', 'ignore', 'pipe'],
        });
      }
    }
  }

  #spawn(argv: readonly string[], env: Readonly<Record<string, string>>): ChildProcess {
    const { uid, gid } = this.#step('USER');
    const { values } = this.#step('ENV');
    const { path } = this.#step('VOLUME');
    const quoted = argv.map((word) => `'${word.replaceAll("'", "'\\''")}'`).join(' ');
    const [command, ...args] = this.#within(
      this.#stage.name,
      `exec setpriv --reuid ${uid} --regid ${gid} --clear-groups --bounding-set -all --no-new-privs -- ${quoted}`,
      `mount --bind ${join(this.#folder, 'volume')} $m${path} && mount -t tmpfs tmpfs $m/tmp && mount -o remount,ro,bind $m &&`,
    );
    return spawn(command as string, args, { env: { PATH: process.env.PATH, ...values, ...env }, stdio: ['ignore', 'pipe', 'pipe'] });
  }

  /** A command line that runs a script in a stage. @param mounts what else is mounted, each command ending with && */
  #within(stage: string, script: string, mounts: string): string[] {
    const [upper, work, merged] = ['upper', 'work', 'merged'].map((name) => join(this.#folder, `stage-${stage}`, name));
    const enter = `m=${merged}; mount -t overlay overlay -o lowerdir=/,upperdir=${upper},workdir=${work} $m && mount --bind $m $m && mount --bind /proc $m/proc && mount --bind /dev $m/dev && ${mounts} exec chroot $m sh -ec "$0"`;
    return ['unshare', '--mount', 'sh', '-ec', enter, script];
  }
}
