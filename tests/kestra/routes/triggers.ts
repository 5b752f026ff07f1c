import { newId, now, second } from '../clock.ts';
import { type OldSchema, reply, type Schema } from '../contract.ts';
import { nextRun } from '../cron.ts';
import { matching, readFilters } from '../filters.ts';
import { labelsOf, taskJson } from '../flow-json.ts';
import { type JsonObject, object, objects, string } from '../json.ts';
import { page, sorted } from '../paging.ts';
import { notFound, Refusal } from '../refusal.ts';
import { bodyObject, type Call, empty, json, param, type Route, visible } from '../route.ts';
import type { Backfill, TriggerState } from '../state.ts';
import { startBackfill } from '../triggers-of.ts';

const triggers = '/api/v1/{tenant}/triggers';

/** A trigger's state in the words of 1.3. */
function contextJson(trigger: TriggerState): OldSchema<'Trigger'> {
  const { namespace, flowId, triggerId } = trigger;
  return {
    tenantId: 'main',
    namespace,
    flowId,
    triggerId,
    ...(trigger.date ? { date: trigger.date } : {}),
    ...(trigger.next ? { nextExecutionDate: trigger.next } : {}),
    ...(trigger.executionId ? { executionId: trigger.executionId } : {}),
    ...(trigger.backfill ? { backfill: trigger.backfill } : {}),
    disabled: trigger.disabled,
  };
}

/** A trigger's state in the words of 2.0. */
function apiStateJson(trigger: TriggerState): Schema<'ApiTriggerState'> {
  const { namespace, flowId, triggerId } = trigger;
  return {
    namespace,
    flowId,
    triggerId,
    updatedAt: trigger.updatedAt,
    ...(trigger.evaluatedAt ? { evaluatedAt: trigger.evaluatedAt } : {}),
    ...(trigger.next ? { nextEvaluationDate: trigger.next } : {}),
    ...(trigger.executionId ? { executionId: trigger.executionId } : {}),
    ...(trigger.backfill ? { backfill: trigger.backfill } : {}),
    disabled: trigger.disabled,
    locked: trigger.locked,
    ...(trigger.lastTriggered ? { lastTriggeredDate: trigger.lastTriggered } : {}),
    kind: 'SCHEDULE',
  };
}

function stateJson(call: Call, trigger: TriggerState): object {
  return call.line === '1.3' ? contextJson(trigger) : apiStateJson(trigger);
}

function definitionJson({ definition }: TriggerState): { id: string; type: string } {
  return { ...taskJson(definition), id: String(definition.id), type: String(definition.type) };
}

function searched(call: Call): TriggerState[] {
  const rows = matching(
    visible(call, [...call.world.state.triggers.values()]),
    readFilters(call, 'triggers'),
    (trigger, { field, value }) => {
      switch (field) {
        case 'namespace':
          return trigger.namespace;
        case 'flowId':
          return trigger.flowId;
        case 'triggerId':
          return trigger.triggerId;
        case 'locked':
          return String(trigger.locked);
        case 'nextExecutionDate':
          return trigger.next;
        case 'lastTriggeredDate':
          return trigger.lastTriggered;
        case 'q':
          return fulltext(trigger, value);
        default:
          return true;
      }
    },
  );
  if (call.line === '2.0') return rows;
  const [q, namespace, flowId] = ['q', 'namespace', 'flowId'].map((name) => call.query.get(name));
  return rows.filter(
    (trigger) =>
      (!q || fulltext(trigger, q)) &&
      (!namespace || trigger.namespace === namespace || trigger.namespace.startsWith(`${namespace}.`)) &&
      (!flowId || trigger.flowId === flowId),
  );
}

function fulltext(trigger: TriggerState, q: string): boolean {
  return `${trigger.namespace} ${trigger.flowId} ${trigger.triggerId}`.toLowerCase().includes(q.toLowerCase());
}

const sortable = {
  triggerId: (trigger: TriggerState) => trigger.triggerId,
  flowId: (trigger: TriggerState) => trigger.flowId,
  namespace: (trigger: TriggerState) => trigger.namespace,
  nextExecutionDate: (trigger: TriggerState) => trigger.next,
};

function search(call: Call): Response {
  const { results, total } = page(call, 'searchTriggers', sorted(call, searched(call), sortable));
  if (call.line === '1.3') {
    const old = results.map((one) => ({ abstractTrigger: definitionJson(one), triggerContext: contextJson(one) }));
    return reply<'searchTriggers'>({ results: old, total });
  }
  return reply<'searchTriggers'>({ results: results.map((one) => ({ trigger: definitionJson(one), state: apiStateJson(one) })), total });
}

function ofFlow(call: Call): Response {
  const rows = [...call.world.state.triggers.values()].filter(
    (trigger) => trigger.namespace === param(call, 'namespace') && trigger.flowId === param(call, 'flowId'),
  );
  const { results, total } = page(call, 'searchTriggersForFlow', rows);
  return json({ results: results.map((one) => stateJson(call, one)), total });
}

function lookup(call: Call, given: JsonObject): TriggerState {
  const found = call.world.state.triggers.get(`${given.namespace}/${given.flowId}/${given.triggerId}`);
  if (!found) throw notFound();
  return found;
}

function inPath(call: Call): TriggerState {
  return lookup(call, { namespace: param(call, 'namespace'), flowId: param(call, 'flowId'), triggerId: param(call, 'triggerId') });
}

/** 1.3: the whole trigger comes back changed. */
async function update(call: Call): Promise<Response> {
  const given = await bodyObject(call);
  const trigger = lookup(call, given);
  const backfill = object(given.backfill);
  if (given.backfill) {
    startBackfill(call.world, call.engine, trigger, dates(backfill));
  } else if (typeof given.disabled === 'boolean') setDisabled(call, trigger, given.disabled);
  return json(stateJson(call, trigger));
}

function dates(given: JsonObject): Pick<Backfill, 'start' | 'end' | 'labels'> {
  return {
    start: string(given.start) ?? now(),
    end: string(given.end) ?? second(now()),
    ...(given.labels === undefined ? {} : { labels: labelsOf(given.labels) }),
  };
}

function setDisabled(call: Call, trigger: TriggerState, disabled: boolean): void {
  trigger.disabled = disabled;
  trigger.updatedAt = second(now());
  if (call.line === '2.0') return;
  if (disabled) delete trigger.next;
  else refreshNext(trigger);
}

function refreshNext(trigger: TriggerState): void {
  const next = nextRun(string(trigger.definition.cron) ?? '', Date.now());
  if (next) trigger.next = next;
}

async function setDisabledMany(call: Call): Promise<Response> {
  const given = await bodyObject(call);
  const asked = objects(given.triggers);
  let known = 0;
  for (const one of asked) {
    // 1.3 counts a trigger that is named without its tenant, and does nothing.
    if (call.line === '1.3' && one.tenantId === undefined) continue;
    const trigger = call.world.state.triggers.get(`${one.namespace}/${one.flowId}/${one.triggerId}`);
    if (!trigger) continue;
    known++;
    setDisabled(call, trigger, given.disabled === true);
  }
  if (call.line === '1.3') return json({ count: asked.length });
  return json({ operationId: newId(), totalItems: known }, 202);
}

async function changeBackfill(call: Call, change: (trigger: TriggerState, backfill: Backfill) => void): Promise<Response> {
  const given = await bodyObject(call);
  if (call.line === '1.3' && given.tenantId === undefined) throw notFound();
  const trigger = lookup(call, given);
  if (!trigger.backfill) {
    if (call.line === '1.3') throw new Refusal(400, 'Bad Request: No backfill found');
  } else change(trigger, trigger.backfill);
  return json(stateJson(call, trigger));
}

function unlock(call: Call): Response {
  const trigger = inPath(call);
  if (!trigger.locked) {
    if (call.line === '1.3') throw new Refusal(409, 'Illegal state: Trigger is not locked');
    const { namespace, flowId, triggerId } = trigger;
    throw new Refusal(
      409,
      `Conflict: trigger [tenant=main, namespace=${namespace}, flow=${flowId}, trigger=${triggerId}] is already unlocked`,
    );
  }
  trigger.locked = false;
  delete trigger.executionId;
  return json(stateJson(call, trigger));
}

function restart(call: Call): Response {
  const trigger = inPath(call);
  if (call.line === '1.3') {
    delete trigger.date;
    delete trigger.next;
  } else {
    trigger.updatedAt = second(now());
    trigger.locked = false;
    delete trigger.executionId;
    // The next date after the last evaluation, however long ago that was.
    const next = nextRun(string(trigger.definition.cron) ?? '', Date.parse(trigger.evaluatedAt ?? now()));
    if (next) trigger.next = next;
  }
  return json(stateJson(call, trigger));
}

function remove(call: Call): Response {
  const { namespace, flowId, triggerId } = inPath(call);
  call.world.state.triggers.delete(`${namespace}/${flowId}/${triggerId}`);
  return empty(204);
}

export const triggerRoutes: Route[] = [
  { on: `GET ${triggers}/search`, handle: search },
  { on: `GET ${triggers}/{namespace}/{flowId}`, handle: ofFlow },
  { on: `PUT ${triggers}`, line: '1.3', handle: update },
  {
    on: `PUT ${triggers}/set-disabled`,
    line: '2.0',
    handle: async (call) => {
      const given = await bodyObject(call);
      const trigger = lookup(call, given);
      setDisabled(call, trigger, given.disabled === true);
      return json(stateJson(call, trigger));
    },
  },
  { on: `POST ${triggers}/set-disabled/by-triggers`, handle: setDisabledMany },
  { on: `POST ${triggers}/{namespace}/{flowId}/{triggerId}/unlock`, handle: unlock },
  { on: `POST ${triggers}/{namespace}/{flowId}/{triggerId}/restart`, handle: restart },
  { on: `DELETE ${triggers}/{namespace}/{flowId}/{triggerId}`, handle: remove },
  {
    on: `PUT ${triggers}/backfill/create`,
    line: '2.0',
    handle: async (call) => {
      const given = await bodyObject(call);
      const trigger = lookup(call, given);
      startBackfill(call.world, call.engine, trigger, dates(object(given.backfill)));
      return json(stateJson(call, trigger));
    },
  },
  {
    on: `PUT ${triggers}/backfill/pause`,
    handle: (call) =>
      changeBackfill(call, (trigger, backfill) => {
        backfill.paused = true;
        if (trigger.next) backfill.previousNextExecutionDate = trigger.next;
      }),
  },
  {
    on: `PUT ${triggers}/backfill/unpause`,
    handle: (call) =>
      changeBackfill(call, (_, backfill) => {
        backfill.paused = false;
      }),
  },
  {
    on: `POST ${triggers}/backfill/delete`,
    handle: (call) =>
      changeBackfill(call, (trigger, backfill) => {
        if (backfill.previousNextExecutionDate) trigger.next = backfill.previousNextExecutionDate;
        else refreshNext(trigger);
        delete trigger.backfill;
      }),
  },
];
