import { beforeAll, expect, test } from 'vitest';
import { seed } from '../kestra/seed.ts';
import { onEveryKestra } from '../tools/setting.ts';
import { Assistant, type Story } from './assistant.ts';
import { failures } from './failures.ts';
import { flows } from './flows.ts';
import { operations } from './operations.ts';
import { stores } from './stores.ts';

const stories: readonly Story[] = [...failures, ...flows, ...operations, ...stores];

test('there are thirty of them', () => {
  expect(stories.length).toBeGreaterThanOrEqual(30);
  expect(new Set(stories.map(({ task }) => task)).size).toBe(stories.length);
});

onEveryKestra('a user asks', (at) => {
  let listed: ReadonlySet<string>;
  beforeAll(async () => {
    seed(at.kestra);
    listed = new Set((await at.server.listTools()).map(({ name }) => name));
  });

  test.each(stories)('$task', async ({ given, play, calls, tokens }) => {
    await given?.(at);
    const assistant = new Assistant(at, listed);
    await play(assistant, at);
    expect(assistant.calls).toBeLessThanOrEqual(calls);
    expect(assistant.tokens).toBeLessThanOrEqual(tokens);
  });
});
