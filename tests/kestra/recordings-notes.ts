/** Exchanges that the pretence is not held to, and why. */
export const skipped: Record<string, string> = {};

/** Exchanges that caught an execution half-way: how far it had come depended on the moment. */
export const inFlight: Record<string, string> = {
  '2.0.0-SNAPSHOT executions: get running': 'the worker had not yet taken the task',
  '2.0.0-SNAPSHOT extras: run an old revision': 'the answer came a step later than usual',
  '1.3.25 executions: follow (SSE) for two seconds': 'a running execution',
  '2.0.0-SNAPSHOT executions: follow (SSE) for two seconds': 'a running execution, whose frame came four times',
};

/** Searches without an order among executions that ran at the same time: total and form of the rows count, not which row comes first. */
export const anyOrder: Record<string, string> = {
  '2.0.0-SNAPSHOT executions: search logs, flat': 'the logs of executions that ran at the same time',
};

const late = 'the run just before had not logged yet';
const growing = 'a schedule was catching up, one run a second';
const regex = 'namespaces by regular expression (itself and children of two)';

/** As before, and the total depended on the moment as well. */
export const anyTotal: Record<string, string> = {
  [`1.3.25 extras: logs: ${regex}`]: late,
  '1.3.25 extras: logs: namespaces by list': late,
  [`2.0.0-SNAPSHOT extras: executions: ${regex}`]: growing,
  '2.0.0-SNAPSHOT extras: executions: namespaces by list': growing,
  [`2.0.0-SNAPSHOT extras: logs: ${regex}`]: growing,
  '2.0.0-SNAPSHOT extras: logs: namespaces by list': growing,
};

/** Exchanges in which these keys depended on the moment. */
export const anyValue: Record<string, readonly string[]> = {
  [`2.0.0-SNAPSHOT extras: triggers: ${regex}`]: ['evaluatedAt', 'nextEvaluationDate'],
  '2.0.0-SNAPSHOT extras: triggers: namespaces by list': ['evaluatedAt', 'nextEvaluationDate'],
};
