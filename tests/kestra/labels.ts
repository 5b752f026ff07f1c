import { labelsOf } from './flow-json.ts';
import { illegalArgument, Refusal } from './refusal.ts';
import type { Flow, Label } from './state.ts';

/** The labels of a run: the flow's, those that were asked for, and Kestra's own. */
export function runLabels(flow: Flow, asked: readonly string[], from: string, correlationId: string): Label[] {
  const labels = new Map<string, string>();
  for (const { key, value } of labelsOf(flow.definition.labels)) labels.set(key, value);
  for (const { key, value } of readLabels(asked)) labels.set(key, value);
  labels.set('system.from', from);
  if (!labels.has('system.correlationId')) labels.set('system.correlationId', correlationId);
  return [...labels].map(([key, value]) => ({ key, value }));
}

function readLabels(asked: readonly string[]): Label[] {
  const labels = asked.map(readLabel);
  for (const [index, { key, value }] of labels.entries()) {
    const before = labels.slice(0, index).find((label) => label.key === key);
    if (before) {
      const detail = `Duplicate key ${key} (attempted merging values ${before.value} and ${value})`;
      throw new Refusal(422, `Unprocessable Entity: The queryString parameter keys contains duplicities: ${detail}`);
    }
  }
  return labels;
}

/** A label as it is written in a query: `key:value`. */
export function readLabel(text: string): Label {
  const colon = text.indexOf(':');
  const [key, value] = [text.slice(0, colon), text.slice(colon + 1)];
  if (colon < 1) throw new Refusal(422, "Unprocessable Entity: Can't split the queryString parameter by ':'");
  if (value === '') throw new Refusal(422, "Unprocessable Entity: Can't have an empty part of queryString");
  refuseSystem({ key, value }, ['system.correlationId']);
  return { key, value };
}

/** Refuses a label that only Kestra may set. */
export function refuseSystem({ key, value }: Label, allowed: readonly string[] = []): void {
  if (key.startsWith('system.') && !allowed.includes(key)) {
    throw illegalArgument(`System labels can only be set by Kestra itself, offending label: ${key}=${value}`);
  }
}
