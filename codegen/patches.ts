import { corrections } from './corrections.ts';
import type { Method } from './openapi.ts';
import type { Move, Patches } from './patch.ts';

const beforeOutputs = '1.x has the outputs in the task runs of the execution';
const generalAvailability = 'General Availability moved the route that the snapshot had';

/** Everything in which Kestra's documents differ from each other or from its servers, each with the reason. */
export const patches: Patches = {
  moves: [action('killExecution', 'delete', 'kill')],
  absences: [
    {
      operation: 'getTaskOutputsInformation',
      lines: ['1.0', '1.3'],
      why: beforeOutputs,
    },
    {
      operation: 'getTaskRunOutputs',
      lines: ['1.0', '1.3'],
      why: beforeOutputs,
    },
  ],
  elsewhere: [
    {
      operation: 'getTaskOutputsInformation',
      line: '2.0',
      paths: ['/api/v1/{tenant}/outputs/{executionId}', '/api/v1/{tenant}/outputs/executions/{executionId}'],
      why: generalAvailability,
    },
    {
      operation: 'getTaskRunOutputs',
      line: '2.0',
      paths: ['/api/v1/{tenant}/outputs/{executionId}/{taskRunId}', '/api/v1/{tenant}/outputs/tasks/{executionId}/{taskRunId}'],
      why: generalAvailability,
    },
  ],
  corrections,
};

/** An action on a single execution. */
function action(operation: string, method: Method, name: string): Move {
  const path = `/api/v1/{tenant}/executions/{executionId}/${name}`;
  return { operation, lines: ['1.0', '1.3'], method, path, why: '2.0 put the actions on a single execution under /actions/' };
}
