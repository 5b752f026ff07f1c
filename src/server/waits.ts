import { executeApp } from '../tools/catalogue/apps.ts';
import { executeFlow } from '../tools/execute-flow.ts';
import type { ToolToCall } from '../tools/run-tool.ts';

/** The tools that wait unless told not to. */
const startsAndWaits: ReadonlySet<string> = new Set([executeFlow.name, executeApp.name]);

/** Does this call wait for something in Kestra? It may take long then. */
export const waits = (call: ToolToCall | undefined): boolean => {
  const args = call?.args;
  const wait = typeof args === 'object' && args !== null && 'wait' in args ? args.wait : undefined;
  return startsAndWaits.has(call?.tool.name ?? '') ? wait !== false : wait === true;
};
