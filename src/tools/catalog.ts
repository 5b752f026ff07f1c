import { authStatus, registerKestraToken } from './account.ts';
import { createApp, getApp, listApps } from './apps.ts';
import { catalogue } from './catalogue/all.ts';
import { describeInputs } from './describe-inputs.ts';
import { diagnoseExecution } from './diagnose-execution.ts';
import { executeFlow } from './execute-flow.ts';
import { getExecutionLogs } from './execution-logs.ts';
import { getExecution, killExecution, listExecutions } from './executions.ts';
import { getFlow, listFlows } from './flows.ts';
import { searchNamespaces } from './namespaces.ts';
import { getPluginSchema, searchPlugins } from './plugins.ts';
import { replayExecution } from './replay-execution.ts';
import { restartExecution } from './restart-execution.ts';
import { resumeExecution } from './resume-execution.ts';
import { runTool } from './run-tool.ts';
import { createOrUpdateFlow } from './save-flow.ts';
import { searchExecutions } from './search-executions.ts';
import { searchFlows } from './search-flows.ts';
import { searchTools } from './search-tools.ts';
import type { Tool } from './tool.ts';
import { searchTriggers } from './triggers.ts';
import { validateFlow } from './validate-flow.ts';

/** The tools that clients list unless told otherwise, in their order. */
export const direct: readonly Tool[] = [
  searchNamespaces,
  listFlows,
  searchFlows,
  getFlow,
  describeInputs,
  searchPlugins,
  getPluginSchema,
  validateFlow,
  createOrUpdateFlow,
  executeFlow,
  getExecution,
  listExecutions,
  searchExecutions,
  diagnoseExecution,
  getExecutionLogs,
  killExecution,
  resumeExecution,
  restartExecution,
  replayExecution,
  searchTriggers,
  listApps,
  getApp,
  createApp,
  authStatus,
  registerKestraToken,
  searchTools,
  runTool,
];

/** Every tool. */
export const tools: readonly Tool[] = [...direct, ...catalogue];
