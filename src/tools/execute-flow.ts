import { runFlow, runInput, runUses } from './run-flow.ts';
import { recipe } from './tool.ts';

export const executeFlow = recipe({
  name: 'execute_flow',
  title: 'Execute flow',
  description:
    'Start a flow and wait for its end; a failure is explained. If the time is up first, go on with get_execution, never start it again. Cancelling stops the waiting, not the execution.',
  permissions: ['kestra.flow.execute'],
  effect: 'run',
  input: () => runInput,
  target: ({ namespace }) => ({ namespace }),
  uses: runUses,
  run: runFlow,
});
