import type { Tool } from '../tool.ts';
import { deleteApp, disableApp, enableApp, executeApp, updateApp } from './apps.ts';
import { getBlueprint, searchBlueprints } from './blueprints.ts';
import { bulkExecutions } from './bulk-executions.ts';
import { bulkFlows } from './bulk-flows.ts';
import { deleteExecution } from './delete-execution.ts';
import { evaluateExpression } from './execution-expression.ts';
import { listOutputFiles, previewOutputFile, readOutputFile } from './execution-files.ts';
import {
  changeExecutionState,
  changeTaskRunState,
  forceRunExecution,
  pauseExecution,
  setExecutionLabels,
  unqueueExecution,
} from './execution-state.ts';
import { executionTimeline } from './execution-timeline.ts';
import { flowDependencies, flowGraph, namespaceDependencies } from './flow-graph.ts';
import { diffFlowRevisions, listFlowRevisions, rollbackFlow } from './flow-history.ts';
import { deleteFlow, disableFlow, enableFlow } from './flow-state.ts';
import { deleteKey, getKey, listKeys, setKey } from './keys.ts';
import { deleteExecutionLogs, searchLogs } from './logs.ts';
import { createNamespace, updateNamespace } from './namespace-admin.ts';
import { deleteNamespaceFile, listNamespaceFiles, moveNamespaceFile, readNamespaceFile, writeNamespaceFile } from './namespace-files.ts';
import { describeNamespace, listSecrets } from './namespaces.ts';
import { concurrencyLimits, executionMetrics, executionStatistics, flowMetrics, latestExecutions } from './overview.ts';
import { deleteTestSuite, getTestSuite, runTestSuite, saveTestSuite, searchTestSuites, testResults } from './test-suites.ts';
import {
  createBackfill,
  deleteBackfill,
  deleteTrigger,
  disableTrigger,
  enableTrigger,
  pauseBackfill,
  restartTrigger,
  resumeBackfill,
  unlockTrigger,
} from './triggers.ts';

/** The tools that are found with search_tools and called with run_tool, by subject. */
export const catalogue: readonly Tool[] = [
  listFlowRevisions,
  diffFlowRevisions,
  rollbackFlow,
  flowGraph,
  flowDependencies,
  disableFlow,
  enableFlow,
  deleteFlow,
  latestExecutions,
  executionStatistics,
  executionTimeline,
  pauseExecution,
  setExecutionLabels,
  changeExecutionState,
  changeTaskRunState,
  forceRunExecution,
  unqueueExecution,
  deleteExecution,
  evaluateExpression,
  listOutputFiles,
  previewOutputFile,
  readOutputFile,
  executionMetrics,
  flowMetrics,
  concurrencyLimits,
  searchLogs,
  deleteExecutionLogs,
  disableTrigger,
  enableTrigger,
  unlockTrigger,
  restartTrigger,
  deleteTrigger,
  createBackfill,
  pauseBackfill,
  resumeBackfill,
  deleteBackfill,
  listKeys,
  getKey,
  setKey,
  deleteKey,
  listNamespaceFiles,
  readNamespaceFile,
  writeNamespaceFile,
  moveNamespaceFile,
  deleteNamespaceFile,
  describeNamespace,
  namespaceDependencies,
  listSecrets,
  searchBlueprints,
  getBlueprint,
  ...bulkExecutions,
  ...bulkFlows,
  updateApp,
  enableApp,
  disableApp,
  deleteApp,
  executeApp,
  searchTestSuites,
  getTestSuite,
  saveTestSuite,
  runTestSuite,
  testResults,
  deleteTestSuite,
  createNamespace,
  updateNamespace,
];
