import { newId, now, second } from './clock.ts';
import { nextRun } from './cron.ts';
import type { Engine } from './engine.ts';
import { newExecution } from './engine.ts';
import { objects, string } from './json.ts';
import { runLabels } from './labels.ts';
import type { Backfill, Flow, TriggerState } from './state.ts';
import { line, type World } from './world.ts';

const schedule = 'io.kestra.plugin.core.trigger.Schedule';

/** Keeps the triggers' states in step with a flow that was saved or deleted. */
export function syncTriggers(world: World, flow: Flow): void {
  const declared = flow.deleted ? [] : objects(flow.definition.triggers).filter((trigger) => trigger.type === schedule);
  const prefix = `${flow.namespace}/${flow.id}/`;
  for (const key of world.state.triggers.keys()) {
    if (key.startsWith(prefix) && !declared.some((trigger) => key === `${prefix}${trigger.id}`)) world.state.triggers.delete(key);
  }
  for (const definition of declared) {
    const triggerId = String(definition.id);
    const date = second(now());
    const known = world.state.triggers.get(`${prefix}${triggerId}`);
    const next = nextRun(string(definition.cron) ?? '', Date.now());
    world.state.triggers.set(`${prefix}${triggerId}`, {
      ...(known ?? {
        namespace: flow.namespace,
        flowId: flow.id,
        triggerId,
        disabled: definition.disabled === true,
        locked: false,
        date,
      }),
      updatedAt: date,
      definition,
      ...(next ? { next } : {}),
    });
  }
}

/** Starts a backfill; on 2.0 its first run comes at once and one a second after it. */
export function startBackfill(
  world: World,
  engine: Engine,
  trigger: TriggerState,
  given: Pick<Backfill, 'start' | 'end' | 'labels'>,
): void {
  const first = nextRun(string(trigger.definition.cron) ?? '', Date.parse(given.start) - 1) ?? given.start;
  const is2 = line(world) === '2.0';
  trigger.backfill = {
    start: given.start,
    end: given.end,
    currentDate: is2 ? first : given.start,
    paused: false,
    ...(given.labels === undefined ? {} : { labels: given.labels }),
    ...(is2 && trigger.next ? { previousNextExecutionDate: trigger.next } : {}),
  };
  trigger.next = first;
  trigger.updatedAt = second(now());
  if (!trigger.disabled) stepSoon(world, engine, trigger);
}

/** The trigger as it is then: it may have been saved anew or deleted meanwhile. */
function stepSoon(world: World, engine: Engine, { namespace, flowId, triggerId }: TriggerState): void {
  const timer = setTimeout(() => {
    const trigger = world.state.triggers.get(`${namespace}/${flowId}/${triggerId}`);
    if (trigger) step(world, engine, trigger);
  }, 1000);
  timer.unref();
}

function step(world: World, engine: Engine, trigger: TriggerState): void {
  const cron = string(trigger.definition.cron) ?? '';
  const current = trigger.next;
  if (trigger.backfill?.paused) {
    stepSoon(world, engine, trigger);
    return;
  }
  if (!current || (trigger.backfill && Date.parse(current) > Date.parse(trigger.backfill.end))) {
    delete trigger.backfill;
    trigger.next = nextRun(cron, Date.now()) ?? trigger.next ?? '';
    return;
  }
  if (Date.parse(current) > Date.now()) return;
  const flow = world.state.flow(trigger.namespace, trigger.flowId);
  if (!flow) return;
  const execution = newExecution(flow, [{ state: 'CREATED', date: now() }], (id) => runLabels(flow, [], 'trigger', id), newId());
  execution.trigger = { id: trigger.triggerId, type: schedule, variables: { date: current } };
  engine.start(execution, flow);
  trigger.evaluatedAt = current;
  trigger.lastTriggered = second(now());
  trigger.updatedAt = second(now());
  trigger.next = nextRun(cron, Date.parse(current)) ?? '';
  if (trigger.backfill) trigger.backfill.currentDate = trigger.next;
  stepSoon(world, engine, trigger);
}
