/**
 * `npm run bench`: what this server costs beside the least server of the same SDK, in the same run, in turns. Ratios hold on any machine,
 * milliseconds on this one. Ends with 1 if a target is missed.
 */
import { existsSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { postgresIsHere } from '../harness/postgres.ts';
import { type Contenders, prepare } from './contenders.ts';
import { growth } from './growth.ts';
import { type Load, underLoad } from './load.ts';
import { coldStart, memory, work } from './measure.ts';
import { median, ratio } from './medians.ts';
import { starts } from './starts.ts';
import { onTheWeb, tokenCheck } from './web.ts';

const { values: flags, positionals } = parseArgs({
  allowPositionals: true,
  options: { load: { type: 'boolean' }, long: { type: 'boolean' }, node: { type: 'string', multiple: true } },
});
const [program = 'dist/main.mjs'] = positionals;
if (!existsSync(program)) throw new Error(`${program} is not there: npm run build`);

/** Cold start of a Python FastMCP server: 1.03 s on a machine where a Node that does nothing takes 52 ms. */
const pythonStarts = 1030 / 52;

let missed = false;
const print = (...columns: readonly string[]) => {
  const [name = '', ...others] = columns;
  process.stdout.write(`${[name.padEnd(44), ...others.map((column) => column.padStart(9))].join('  ').trimEnd()}\n`);
};
const judge = (name: string, ours: string, other: string, value: number, most: number, unit = '', more = '') => {
  const judged = most !== Number.POSITIVE_INFINITY;
  const good = value <= most;
  missed ||= !good;
  print(
    name,
    ours,
    other,
    `${unit ? value : value.toFixed(2)}${unit}`,
    judged ? `${most}${unit}` : '',
    judged ? (good ? 'ok' : 'MISSED') : '',
    more,
  );
};
const ms = (values: readonly number[]) => `${Number(median(values).toPrecision(3))} ms`;
const mib = (values: readonly number[]) => `${median(values).toFixed(0)} MiB`;

/** Everything but the load, which takes minutes: start, one call after the other, memory. */
const oneByOne = async (contenders: Contenders): Promise<void> => {
  print(`Node ${process.version}. Medians of several runs, in turns. Bare: one tool of the same SDK, nothing else. In a call`);
  print('both make the same request to the pretend Kestra; ours also asks what Kestra is, once a minute. Python FastMCP:');
  print('not run here, but 20 times the start of a Node that does nothing, as was measured once.\n');
  print('', 'ours', 'theirs', 'ratio', 'at most');
  const cold = await coldStart(contenders, 11);
  judge('cold start to tools/list : bare', ms(cold.ours), ms(cold.bare), ratio(cold.ours, cold.bare), 1.3);
  const python = cold.nothing.map((each) => each * pythonStarts);
  judge('cold start to tools/list : Python FastMCP', ms(cold.ours), ms(python), ratio(cold.ours, python), 0.25);

  const { calls, lists, tools } = await work(contenders, 7);
  const cpu = { ours: calls.map(({ ours }) => ours.cpu), bare: calls.map(({ bare }) => bare.cpu) };
  judge('tools/call, CPU : bare', ms(cpu.ours), ms(cpu.bare), ratio(cpu.ours, cpu.bare), 1.35);
  const wall = { ours: calls.map(({ ours }) => ours.wall), direct: calls.map(({ direct }) => direct.wall) };
  judge('tools/call, time : the same fetch directly', ms(wall.ours), ms(wall.direct), ratio(wall.ours, wall.direct), 1.5);
  const listed = { ours: lists.map(({ ours }) => ours.cpu), bare: lists.map(({ bare }) => bare.cpu) };
  judge('tools/list, CPU', ms(listed.ours), ms(listed.bare), Number(median(listed.ours).toPrecision(2)), 0.5, ' ms');

  const web = await onTheWeb(contenders, 5);
  for (const [version, rounds] of Object.entries(web.calls)) {
    const cpu = { ours: rounds.map(({ ours }) => ours.cpu), bare: rounds.map(({ bare }) => bare.cpu) };
    judge(`HTTP ${version} tools/call, CPU : bare`, ms(cpu.ours), ms(cpu.bare), ratio(cpu.ours, cpu.bare), 1.5);
  }
  judge('HTTP, errors of 200 clients at once', '', '', web.errors, 0, ' ');
  const checked = await tokenCheck(7);
  judge('access token checked, CPU (5,000 a second)', ms(checked), '', Number(median(checked).toPrecision(2)), 0.2, ' ms');

  const resident = await memory(contenders, 3);
  judge('memory after 100 calls : bare', mib(resident.ours), mib(resident.bare), ratio(resident.ours, resident.bare), 1.15);
  judge(`tools/list, tokens of ${tools.count} tools`, '', '', tools.tokens, 5000, ' ');
};

/** Many at once; and what stays behind of many calls and sign-ins. */
const load = async (contenders: Contenders): Promise<void> => {
  print('\nUnder load, beside the bare server behind express; express alone gives back what it was sent.\n');
  print('', 'ours', 'theirs', 'ratio', 'at most', '', 'express');
  for (const [users, { ours, bare, echo }] of await underLoad(contenders, 3)) {
    const of = (loads: readonly Load[], what: 'perCore' | 'p50' | 'p95' | 'p99') => loads.map((each) => each[what]);
    const each = (loads: readonly Load[]) => median(of(loads, 'perCore')).toFixed(0);
    const slower = ratio(of(bare, 'perCore'), of(ours, 'perCore'));
    judge(`${users} users, calls a second of a core`, each(ours), each(bare), slower, 1.5, '', each(echo));
    for (const what of ['p50', 'p95', 'p99'] as const) {
      const most = users === 50 && what === 'p99' ? 2 : Number.POSITIVE_INFINITY;
      judge(
        `${users} users, ${what}`,
        ms(of(ours, what)),
        ms(of(bare, what)),
        ratio(of(ours, what), of(bare, what)),
        most,
        '',
        ms(of(echo, what)),
      );
    }
    judge(`${users} users, errors`, '', '', ours.flatMap(({ errors }) => errors).length, 0, ' ');
  }
  const { calls, signIns, bytesACall, memory, files, filesOfCalls } = await growth(contenders, flags.long ? long : short);
  judge(`heap kept, bytes a call, of ${calls}`, '', '', Math.round(bytesACall), 64, ' ');
  print(`memory, before and after ${calls} calls`, ...memory.map((each) => `${each.toFixed(0)} MiB`));
  judge(`files, KiB that ${calls} calls add`, '', '', Math.round(filesOfCalls), 0, ' ');
  judge(`files, KiB that one of ${signIns} sign-ins adds`, '', '', Number((files / signIns).toFixed(1)), 16, ' ');
};

/** Replicas that all start at once. */
const start = async (contenders: Contenders): Promise<void> => {
  if (!postgresIsHere) return print('\nStart of replicas: not measured, PostgreSQL is not installed');
  print('\nReplicas that start at once on one PostgreSQL, until all of them serve, beside as many bare servers.\n');
  print('', 'ours', 'theirs', 'ratio', 'at most');
  for (const [replicas, { empty, again, bare }] of await starts(contenders, 5)) {
    judge(`${replicas} start`, ms(again), ms(bare), ratio(again, bare), 2);
    judge(`${replicas} start, on an empty database`, ms(empty), ms(bare), ratio(empty, bare), 2.5);
  }
};

const [short, long] = [
  { calls: 5000, signIns: 50 },
  { calls: 200_000, signIns: 1000 },
] as const;

const contenders = await prepare(program, flags.node);
try {
  if (!flags.load) await oneByOne(contenders);
  await load(contenders);
  await start(contenders);
} finally {
  await contenders.close();
}
process.exitCode = missed ? 1 : 0;
