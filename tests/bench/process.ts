import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';

/** CPU time of a process so far, of all its threads that still run, in milliseconds (the kernel's sched-stats.rst: nanoseconds on a CPU). */
export const cpuMs = (pid: number): number => {
  const threads = `/proc/${pid}/task`;
  const onCpu = (thread: string) => Number(readFileSync(join(threads, thread, 'schedstat'), 'utf8').split(' ')[0]);
  return readdirSync(threads).reduce((sum, thread) => sum + onCpu(thread), 0) / 1e6;
};

/** What a process holds in memory right now, in MiB. */
export const residentMiB = (pid: number): number => {
  const [, kilobytes] = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
  return Number(kilobytes) / 1024;
};

/** What the files of a folder take, in KiB. */
export const filesKiB = (folder: string): number =>
  readdirSync(folder).reduce((sum, name) => sum + statSync(join(folder, name)).size, 0) / 1024;
