import type { Line } from './dialect.ts';

/** Operators in the order in which Kestra's enumeration has them. */
export const operators = [
  'EQUALS',
  'NOT_EQUALS',
  'GREATER_THAN',
  'LESS_THAN',
  'GREATER_THAN_OR_EQUAL_TO',
  'LESS_THAN_OR_EQUAL_TO',
  'IN',
  'NOT_IN',
  'STARTS_WITH',
  'ENDS_WITH',
  'CONTAINS',
  'REGEX',
  'PREFIX',
] as const;
export type Operator = (typeof operators)[number];

/** What can be searched with filters. */
export type Resource = 'flows' | 'executions' | 'logs' | 'triggers' | 'keys' | 'other';

const words = (text: string): string[] => text.split(/\s+/).filter(Boolean);

/** Every field of each version, in the order of Kestra's message. */
export const fieldNames: Record<Line, readonly string[]> = {
  '1.3': words(`
    childFilter metadata triggerState endDate parentPath triggerExecutionId type taskRunId path flowRevision assetId
    scope id state flowId expirationDate timeRange workerId level kind created triggerId version labels q executionId
    existingOnly namespace updated startDate taskId username
  `),
  '2.0': words(`
    attemptNumber childFilter metadata triggerState endDate parentPath source type taskRunId path flowRevision action
    details id state locked timeRange workerId level kind created triggerId groupList version labels tags executionId
    super_admin name updated startDate status nextExecutionDate external_id triggerExecutionId expired_at enabled
    assetId scope artifactId flowId email expirationDate resources userId parentId q existingOnly namespace
    lastTriggeredDate taskId username
  `),
};

/** Fields by the operators that they take: line (both if empty), operators, fields. */
const rules: readonly (readonly [Line | '', string, string])[] = [
  ['', 'EQUALS NOT_EQUALS CONTAINS STARTS_WITH ENDS_WITH REGEX IN NOT_IN', 'action assetId id type'],
  ['', 'IN NOT_IN', 'artifactId'],
  ['', 'EQUALS NOT_EQUALS IN NOT_IN', 'attemptNumber flowRevision kind parentId state'],
  ['', 'EQUALS NOT_EQUALS', 'childFilter existingOnly q status triggerState version'],
  [
    '',
    'GREATER_THAN_OR_EQUAL_TO GREATER_THAN LESS_THAN_OR_EQUAL_TO LESS_THAN EQUALS NOT_EQUALS',
    'created endDate expirationDate lastTriggeredDate nextExecutionDate startDate updated',
  ],
  ['', 'EQUALS', 'details email enabled locked name source super_admin timeRange userId'],
  ['', 'EQUALS NOT_EQUALS CONTAINS STARTS_WITH ENDS_WITH IN NOT_IN', 'executionId taskId taskRunId triggerExecutionId triggerId workerId'],
  ['', '', 'expired_at'],
  ['', 'EQUALS IN NOT_IN', 'external_id'],
  ['', 'EQUALS NOT_EQUALS CONTAINS STARTS_WITH ENDS_WITH REGEX IN NOT_IN PREFIX', 'flowId namespace'],
  ['', 'IN EQUALS', 'groupList'],
  ['', 'EQUALS NOT_EQUALS IN NOT_IN CONTAINS', 'labels metadata'],
  ['1.3', 'EQUALS NOT_EQUALS', 'level scope'],
  ['2.0', 'GREATER_THAN_OR_EQUAL_TO LESS_THAN_OR_EQUAL_TO', 'level'],
  ['', 'EQUALS NOT_EQUALS STARTS_WITH', 'parentPath'],
  ['', 'EQUALS NOT_EQUALS IN', 'path'],
  ['', 'IN', 'resources'],
  ['2.0', 'EQUALS NOT_EQUALS IN NOT_IN', 'scope'],
  ['', 'IN NOT_IN PREFIX CONTAINS STARTS_WITH ENDS_WITH', 'tags'],
  ['1.3', 'EQUALS', 'username'],
  ['2.0', 'EQUALS IN NOT_IN CONTAINS', 'username'],
];

const tables: Record<Line, Map<string, readonly Operator[]>> = { '1.3': new Map(), '2.0': new Map() };
for (const [line, ops, fields] of rules) {
  const list = words(ops).flatMap((op) => operators.find((one) => one === op) ?? []);
  for (const field of words(fields)) for (const one of line ? [line] : (['1.3', '2.0'] as const)) tables[one].set(field, list);
}

/** The operators of a field. */
export function operatorsOf(line: Line, field: string): readonly Operator[] {
  return tables[line].get(field) ?? [];
}

/** What Kestra calls a resource, and the constants of its fields in the order of the message. */
const resources: Record<Line, Partial<Record<Resource, readonly [string, string]>>> = {
  '1.3': {
    flows: ['FLOW', 'LABELS NAMESPACE QUERY SCOPE FLOW_ID'],
    executions: ['EXECUTION', 'QUERY SCOPE FLOW_ID START_DATE END_DATE STATE LABELS TRIGGER_EXECUTION_ID CHILD_FILTER NAMESPACE KIND'],
    logs: ['LOG', 'QUERY SCOPE NAMESPACE START_DATE END_DATE FLOW_ID TRIGGER_ID MIN_LEVEL EXECUTION_ID'],
    triggers: ['TRIGGER', 'QUERY SCOPE NAMESPACE WORKER_ID FLOW_ID START_DATE END_DATE TRIGGER_ID TRIGGER_STATE'],
    keys: ['KV_METADATA', 'QUERY NAMESPACE UPDATED EXPIRATION_DATE'],
  },
  '2.0': {
    flows: ['FLOW', 'LABELS NAMESPACE QUERY SCOPE FLOW_ID'],
    executions: [
      'EXECUTION',
      'QUERY SCOPE FLOW_ID START_DATE END_DATE STATE LABELS TRIGGER_EXECUTION_ID CHILD_FILTER NAMESPACE KIND PARENT_ID',
    ],
    logs: [
      'LOG',
      'QUERY SCOPE NAMESPACE START_DATE END_DATE FLOW_ID TRIGGER_ID LEVEL EXECUTION_ID TASK_ID TASK_RUN_ID ATTEMPT_NUMBER KIND',
    ],
    triggers: [
      'TRIGGER',
      'QUERY SCOPE NAMESPACE WORKER_ID FLOW_ID TRIGGER_ID TRIGGER_STATE SOURCE LOCKED LAST_TRIGGERED_DATE NEXT_EXECUTION_DATE',
    ],
    keys: ['KV_METADATA', 'QUERY NAMESPACE UPDATED EXPIRATION_DATE'],
  },
};

/** The fields of a resource; nothing for one that takes any field. */
export function resourceOf(line: Line, resource: Resource): { name: string; fields: string[] } | undefined {
  const found = resources[line][resource];
  return found && { name: found[0], fields: words(found[1]) };
}

/** A field's name as Kestra's messages write it. */
export function constantOf(line: Line, field: string): string {
  if (field === 'q') return 'QUERY';
  if (field === 'level') return line === '1.3' ? 'MIN_LEVEL' : 'LEVEL';
  if (field === 'groupList') return 'GROUP';
  return field.replaceAll(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase();
}
