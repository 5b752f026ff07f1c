import { expect } from 'vitest';
import { during, writes } from '../harness/kestra.ts';
import type { Answer } from '../harness/server.ts';
import type { Recorded } from '../kestra/server.ts';
import type { Setting } from '../tools/setting.ts';

type Args = Record<string, unknown>;

/** Calls a tool of the catalogue as an assistant does. */
export const runTool = ({ server }: Pick<Setting, 'server'>, name: string, args: Args = {}): Promise<Answer> =>
  server.call('run_tool', { name, arguments: args });

/** What a tool answered, which must not be an error. */
export const facts = async (at: Pick<Setting, 'server'>, name: string, args: Args = {}): Promise<Record<string, unknown>> => {
  const { structured, isError, text } = await runTool(at, name, args);
  expect(isError, text).toBe(false);
  return structured;
};

/** A call that is refused, with words; nothing may have been changed. */
export const refused = async (at: Setting, name: string, args: Args, says: RegExp): Promise<void> => {
  const { result, requests } = await during(at.kestra, () => runTool(at, name, args));
  expect(result.isError, result.text).toBe(true);
  expect(result.text).toMatch(says);
  expect(changes(requests)).toEqual([]);
};

/** What was sent to change something; to ask for a verdict is no change. */
const changes = (requests: readonly Recorded[]): string[] =>
  writes(requests).flatMap(({ method, path }) => (/\/(validate|latest)$/.test(path) ? [] : [`${method} ${path}`]));

/** The deletion of something: the first call says what would be lost and does nothing, the second repeats the name. */
export const confirmed = async (at: Setting, name: string, args: Args, confirm: string, says: RegExp): Promise<Record<string, unknown>> => {
  await refused(at, name, args, says);
  await refused(at, name, { ...args, confirm: 'something else' }, /confirm is not/);
  return facts(at, name, { ...args, confirm });
};

/** What a bulk action asks to repeat. */
export const tokenIn = (answer: Record<string, unknown>): string => /confirm: "([^"]+)"/.exec(String(answer.next))?.[1] ?? '';
