import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';

/** In a process of its own: what follows promises would follow those of the other tests, too. */
const script = `
import { executionAsyncId } from 'node:async_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { inTime, within } from ${JSON.stringify(join(import.meta.dirname, '../../src/auth/provider-fetch.ts'))};

const followed = async () => {
  await Promise.resolve();
  return executionAsyncId() !== 0;
};
// The limit of an operation keeps no process alive.
const alive = setTimeout(() => undefined, 10_000);
const late = within(200, () => inTime(new Promise(() => undefined))).catch((error) => error.name);
await within(1000, () => sleep(20));
const during = await followed();
console.log(JSON.stringify({ during, late: await late, after: await followed() }));
clearTimeout(alive);
`;

test('promises are followed only while the provider is asked, and the end of one operation is no end of the others', async () => {
  const { stdout } = await promisify(execFile)(process.execPath, ['--import', 'tsx', '--input-type=module', '--eval', script]);
  expect(JSON.parse(stdout)).toEqual({ during: true, late: 'TimeoutError', after: false });
});
