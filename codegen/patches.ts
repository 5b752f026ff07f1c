import { corrections } from './corrections.ts';
import type { Method } from './openapi.ts';
import type { Move, Patches } from './patch.ts';

const beforeOutputs = '1.x has the outputs in the task runs of the execution';
const generalAvailability = 'General Availability moved the route that the snapshot had';

/** Everything in which Kestra's documents differ from each other or from its servers, each with the reason. */
export const patches: Patches = {
  moves: [
    action('evalExpression', 'post', 'eval'),
    action('evalTaskRunExpression', 'post', 'eval/{taskRunId}'),
    action('forceRunExecution', 'post', 'force-run'),
    action('killExecution', 'delete', 'kill'),
    action('pauseExecution', 'post', 'pause'),
    action('replayExecution', 'post', 'replay'),
    action('replayExecutionWithinputs', 'post', 'replay-with-inputs'),
    action('restartExecution', 'post', 'restart'),
    action('resumeExecution', 'post', 'resume'),
    action('resumeExecutionFromBreakpoint', 'post', 'resume-from-breakpoint'),
    action('setLabelsOnTerminatedExecution', 'post', 'labels'),
    action('unqueueExecution', 'post', 'unqueue'),
    action('updateExecutionStatus', 'post', 'change-status'),
    action('updateTaskRunState', 'post', 'state'),
    {
      operation: 'updateTrigger',
      lines: ['1.0', '1.3'],
      method: 'put',
      path: '/api/v1/{tenant}/triggers',
      why: 'only 1.x saves a trigger as a whole',
    },
  ],
  absences: [
    {
      operation: 'updateTrigger',
      lines: ['2.0'],
      why: '2.0 has an operation for each thing that can be changed of a trigger',
    },
    {
      operation: 'createBackfill',
      lines: ['1.0', '1.3'],
      why: '1.x saves the trigger with the backfill',
    },
    {
      operation: 'disableTriggerById',
      lines: ['1.0', '1.3'],
      why: '1.x saves the trigger as disabled',
    },
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
