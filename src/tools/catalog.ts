import { authStatus, registerKestraToken } from './account.ts';
import { createApp, getApp, listApps } from './apps.ts';
import { executeFlow } from './execute-flow.ts';
import { getExecution, killExecution, listExecutions } from './executions.ts';
import { getFlow, listFlows } from './flows.ts';
import { searchNamespaces } from './namespaces.ts';
import { createOrUpdateFlow } from './save-flow.ts';
import type { Tool } from './tool.ts';
import { searchTriggers } from './triggers.ts';

/** Every tool, in the order in which clients list them. */
export const tools: readonly Tool[] = [
  searchNamespaces,
  listFlows,
  getFlow,
  createOrUpdateFlow,
  executeFlow,
  getExecution,
  listExecutions,
  killExecution,
  searchTriggers,
  listApps,
  getApp,
  createApp,
  authStatus,
  registerKestraToken,
];
