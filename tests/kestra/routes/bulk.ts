import { newId, now } from '../clock.ts';
import { array, object, objects, string } from '../json.ts';
import { current, enter, isEnd } from '../lifecycle.ts';
import { executionJson } from '../present.ts';
import { notFound, Refusal } from '../refusal.ts';
import { body, type Call, json, type Route } from '../route.ts';
import type { Execution } from '../state.ts';
import { syncTriggers } from '../triggers-of.ts';
import { actions } from './actions.ts';
import { executionOf } from './executions.ts';

const executions = '/api/v1/{tenant}/executions';

interface Bulk {
  /** The words of the refusal: "invalid bulk …". */
  words: string;
  /** Why it can't be done to this one. */
  refuses?(execution: Execution, call: Call): string | undefined;
  act(call: Call): unknown;
}

const state = (execution: Execution): string => current(execution.life);
const running = (execution: Execution): boolean => !isEnd(current(execution.life));
const single = (name: string) => (call: Call) => actions[name]?.[1](call);

const kinds: Record<string, Bulk> = {
  pause: {
    words: 'pause',
    refuses: (one) => (state(one) === 'RUNNING' ? undefined : 'execution not in state RUNNING'),
    act: single('pause'),
  },
  resume: {
    words: 'resume',
    refuses: (one) => (state(one) === 'PAUSED' ? undefined : 'execution not in state PAUSED'),
    act: (call) => single('resume')({ ...call, request: new Request(call.request.url, { method: 'POST' }) }),
  },
  restart: {
    words: 'restart',
    refuses: (one, call) =>
      call.line === '1.3' || running(one) || ['FAILED', 'WARNING'].includes(state(one))
        ? undefined
        : `Execution '${one.id}' must be terminated or paused to be restarted, current state is '${state(one)}' !`,
    act: single('restart'),
  },
  replay: { words: 'replay', act: single('replay') },
  'force-run': {
    words: 'force run',
    refuses: (one) => (running(one) ? undefined : 'execution in a terminated state'),
    act: forceRun,
  },
  unqueue: {
    words: 'unqueue',
    refuses: (one) => (state(one) === 'QUEUED' ? undefined : 'execution not in state QUEUED'),
    act: unqueue,
  },
  'change-status': {
    words: 'change executions state',
    refuses: (one) => (running(one) || state(one) === 'KILLED' ? 'execution not in a terminated state or is killed' : undefined),
    act: (call) => enter(executionOf(call).life, (call.query.get('newStatus') ?? '') as 'SUCCESS'),
  },
};

async function many(call: Call, { words, refuses, act }: Bulk, ids: string[]): Promise<Response> {
  const invalids = ids.flatMap((id) => {
    const execution = call.world.state.executions.get(id);
    const message = execution ? refuses?.(execution, call) : 'execution not found';
    return message === undefined ? [] : [{ message, rootBean: id, invalidValue: id, messageTemplate: '{messageTemplate}' }];
  });
  if (invalids.length) return json({ message: `invalid bulk ${words}`, invalids }, 400);
  for (const id of ids) {
    await act({ ...call, params: { ...call.params, executionId: id } });
    call.world.state.changed(id);
  }
  return call.line === '1.3' ? json({ count: ids.length }) : json({ operationId: newId(), totalItems: ids.length }, 202);
}

/** Lets one run that waits for others, for a moment or for somebody. */
function forceRun(call: Call): void {
  const execution = executionOf(call);
  if (state(execution) === 'PAUSED') void single('resume')({ ...call, request: new Request(call.request.url, { method: 'POST' }) });
  else if (state(execution) !== 'RUNNING') enter(execution.life, 'RUNNING');
}

function unqueue(call: Call): void {
  enter(executionOf(call).life, (call.query.get('state') || 'RUNNING') as 'RUNNING');
}

async function deleteMany(call: Call): Promise<Response> {
  const ids = array(await body(call)).map(String);
  const { state: world } = call.world;
  const missing = ids.filter((id) => !world.executions.has(id));
  if (missing.length) {
    const invalids = missing.map((id) => ({ message: 'execution not found', rootBean: id, invalidValue: id }));
    return json({ message: 'invalid bulk delete', invalids }, 400);
  }
  for (const id of ids) world.executions.delete(id);
  if (call.query.get('deleteLogs') !== 'false') {
    world.logs.splice(0, world.logs.length, ...world.logs.filter((log) => !ids.includes(log.executionId)));
  }
  return json({ count: ids.length });
}

async function labelMany(call: Call): Promise<Response> {
  const given = object(await body(call));
  const labels = objects(given.executionLabels).map(({ key, value }) => ({ key: String(key), value: String(value) }));
  const kind: Bulk = {
    words: 'set labels',
    refuses: (one) => (running(one) ? 'execution is not terminated' : undefined),
    act: (one) => {
      const execution = executionOf(one);
      execution.labels = [...labels, ...execution.labels.filter((label) => label.key.startsWith('system.'))];
    },
  };
  return many(call, kind, array(given.executionsId).map(String));
}

async function deleteFlows(call: Call): Promise<Response> {
  const asked = objects(await body(call));
  for (const { namespace, id } of asked) {
    const flow = call.world.state.flow(string(namespace) ?? '', string(id) ?? '');
    if (!flow) throw notFound('No value present');
    const gone = { ...flow, revision: flow.revision + 1, deleted: true, updated: now() };
    call.world.state.saveFlow(gone);
    syncTriggers(call.world, gone);
  }
  return json({ count: asked.length });
}

/** One that is forced or unqueued; both lines refuse what it can't be done to, in other words. */
function ofOne(
  name: string,
  may: (execution: Execution) => boolean,
  act: (call: Call) => void,
  words: [old: string, now: string],
): Route[] {
  const handle = (call: Call): Response => {
    const execution = executionOf(call);
    if (!may(execution)) throw call.line === '1.3' ? new Refusal(422, words[0]) : new Refusal(409, words[1]);
    act(call);
    call.world.state.changed(execution.id);
    return json(executionJson(execution, call.line));
  };
  return [
    { on: `POST ${executions}/{executionId}/${name}`, line: '1.3', handle },
    { on: `POST ${executions}/{executionId}/actions/${name}`, line: '2.0', handle },
  ];
}

export const bulkRoutes: Route[] = [
  ...Object.entries(kinds).map(
    ([name, kind]): Route => ({
      on: `POST ${executions}/${name}/by-ids`,
      handle: async (call) => many(call, kind, array(await body(call)).map(String)),
    }),
  ),
  { on: `POST ${executions}/labels/by-ids`, handle: labelMany },
  { on: `DELETE ${executions}/by-ids`, handle: deleteMany },
  { on: 'DELETE /api/v1/{tenant}/flows/delete/by-ids', handle: deleteFlows },
  ...ofOne('force-run', running, forceRun, [
    'Illegal argument: Only non terminated executions can be forced run.',
    'Conflict: Cannot force run execution: only non-terminated executions can be force run.',
  ]),
  ...ofOne('unqueue', (one) => state(one) === 'QUEUED', unqueue, [
    'Illegal argument: Only QUEUED execution can be unqueued',
    'Conflict: Cannot unqueue execution: only QUEUED executions can be unqueued.',
  ]),
];
