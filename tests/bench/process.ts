import { readFileSync } from 'node:fs';

const millisecondsPerTick = 10;

/** CPU time of a process so far, all its threads, user and system (proc_pid_stat(5): utime, stime). */
export const cpuMs = (pid: number): number => {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) * millisecondsPerTick;
};

/** What a process holds in memory right now, in MiB. */
export const residentMiB = (pid: number): number => {
  const [, kilobytes] = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
  return Number(kilobytes) / 1024;
};
