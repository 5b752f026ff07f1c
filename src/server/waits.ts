import { executeFlow } from '../tools/execute-flow.ts';
import type { ToolToCall } from '../tools/run-tool.ts';

/** Does this call wait for something in Kestra? It may take long then. */
export const waits = (call: ToolToCall | undefined): boolean => {
  const args = call?.args;
  const wait = typeof args === 'object' && args !== null && 'wait' in args ? args.wait : undefined;
  return call?.tool.name === executeFlow.name ? wait !== false : wait === true;
};
