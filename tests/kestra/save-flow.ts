import { now } from './clock.ts';
import type { JsonObject } from './json.ts';
import type { Flow } from './state.ts';
import { syncTriggers } from './triggers-of.ts';
import type { World } from './world.ts';

/** Saves a new revision of a flow, and with it what its triggers are about to do. */
export function saveFlow(world: World, definition: JsonObject, source: string): Flow {
  const [namespace, id] = [String(definition.namespace), String(definition.id)];
  const before = world.state.flows.get(`${namespace}/${id}`)?.at(-1);
  const flow: Flow = {
    namespace,
    id,
    revision: (before?.revision ?? 0) + 1,
    updated: now(),
    source,
    definition,
    disabled: definition.disabled === true,
    deleted: false,
  };
  world.state.saveFlow(flow);
  syncTriggers(world, flow);
  return flow;
}
