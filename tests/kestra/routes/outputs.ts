import { reply } from '../contract.ts';
import { notFound, Refusal } from '../refusal.ts';
import { param, type Route } from '../route.ts';
import { executionOf } from './executions.ts';

const outputs = '/api/v1/{tenant}/outputs';

export const outputRoutes: Route[] = [
  {
    on: `GET ${outputs}/{executionId}`,
    line: '2.0',
    handle: (call) =>
      reply<'getTaskOutputsInformation'>(
        (executionOf(call).taskRuns ?? [])
          .filter((run) => run.outputs && Object.keys(run.outputs).length > 0)
          .map((run) => ({
            taskId: run.taskId,
            taskRunId: run.id,
            ...(run.value === undefined ? {} : { value: run.value }),
            ...(run.iteration === undefined ? {} : { iteration: run.iteration }),
            inline: true,
          })),
      ),
  },
  {
    on: `GET ${outputs}/{executionId}/{taskRunId}`,
    line: '2.0',
    handle: (call) => {
      const execution = call.world.state.executions.get(param(call, 'executionId'));
      if (!execution) throw notFound();
      const run = execution.taskRuns?.find((one) => one.id === param(call, 'taskRunId'));
      if (!run) throw new Refusal(500, 'Internal server error: No value present');
      return reply<'getTaskRunOutputs'>(run.outputs ?? {});
    },
  },
];
