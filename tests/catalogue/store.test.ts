import { expect, test } from 'vitest';
import { during, saveFlows, writes } from '../harness/kestra.ts';
import { hello, onEveryKestra } from '../tools/setting.ts';
import { confirmed, facts, refused, runTool } from './run.ts';

onEveryKestra('the KV store', (at) => {
  const key = (name: string, more: object = {}) => ({ namespace: 'store', key: name, ...more });

  test.each([
    ['a text', 'hello', undefined, 'STRING', '"hello"'],
    ['a text that reads like a number', '12', undefined, 'STRING', '"12"'],
    ['a number', 12.5, undefined, 'NUMBER', '12.5'],
    ['a truth value', false, undefined, 'BOOLEAN', 'false'],
    ['an object', { a: [1, null] }, undefined, 'JSON', '{"a":[1,null]}'],
    ['a date', '2026-01-31', 'DATE', 'DATE', '2026-01-31'],
    ['a moment', '2026-01-31T09:00:00+01:00', 'DATETIME', 'DATETIME', '2026-01-31T08:00:00.000Z'],
    ['a duration', 'PT2H', 'DURATION', 'DURATION', '"PT2H"'],
  ])('keeps %s with its type', async (what, value, type, stored, sent) => {
    const name = what.replaceAll(' ', '-');
    const { result, requests } = await during(at.kestra, () => facts(at, 'set_key', key(name, { value, type })));
    expect(result).toMatchObject({ done: 'created', type: stored, revision: 1 });
    const [put] = writes(requests);
    expect([put?.headers['content-type'], put?.text]).toEqual(['text/plain', sent]);
    expect(await facts(at, 'get_key', key(name))).toMatchObject({ type: stored });
  });

  test('says when Kestra reads something else', async () => {
    const args = key('midnight', { value: '2026-01-31T00:00:00Z', type: 'DATETIME' });
    expect(await facts(at, 'set_key', args)).toMatchObject({
      type: 'DATE',
      note: expect.stringContaining('a moment at midnight is a day'),
    });
  });

  test('gives a value back as others wrote it', async () => {
    expect(await facts(at, 'get_key', key('an-object'))).toMatchObject({ quoted: { value: { a: [1, null] } } });
    expect(await facts(at, 'get_key', key('a-truth-value'))).toMatchObject({ quoted: { value: false } });
  });

  test('sends how long a key lives and what it is for', async () => {
    const { requests } = await during(at.kestra, () =>
      facts(at, 'set_key', key('short', { value: 1, ttl: 'PT1H', description: 'for an hour' })),
    );
    expect(writes(requests)[0]?.headers).toMatchObject({ ttl: 'PT1H', description: 'for an hour' });
    expect(await facts(at, 'list_keys', { namespace: 'store', query: 'short' })).toMatchObject({
      total: 1,
      keys: [{ namespace: 'store', key: 'short', expires: expect.any(String), quoted: { description: 'for an hour' } }],
    });
  });

  test('replaces a key only when that is asked for', async () => {
    await refused(
      at,
      'set_key',
      key('a-text', { value: 'other' }),
      /is there already, as a STRING\. Nothing was set: overwrite: true replaces it/,
    );
    expect(await facts(at, 'set_key', key('a-text', { value: 'other', overwrite: true }))).toMatchObject({ done: 'replaced', revision: 2 });
  });

  test.each([
    ['a date that is none', { value: '31.1.2026', type: 'DATE' }, /is not a date such as/],
    ['a text that Kestra takes for a duration', { value: 'PT2H' }, /stores a text such as PT2H as a DURATION/],
    ['a number as text', { value: '5', type: 'NUMBER' }, /is not a number/],
    ['nothing', {}, /value: is missing/],
    ['a key that is a path', { key: '../x', value: 1 }, /is not a key/],
    ['a time to live that is none', { value: 1, ttl: '1h' }, /is a duration such as PT1H/],
  ])('refuses %s', async (_, args, says) => {
    await refused(at, 'set_key', key('wrong', args), says);
  });

  test('loses a key when its name is repeated', async () => {
    await confirmed(at, 'delete_key', key('a-number'), 'a-number', /deletes the key a-number of store, a NUMBER/);
    await refused(at, 'get_key', key('a-number'), /store has no key a-number, or it has expired/);
    expect(await facts(at, 'list_keys', { namespace: 'empty' })).toMatchObject({
      total: 0,
      note: expect.stringContaining('children: true looks below'),
    });
  });
});

onEveryKestra('namespace files', (at) => {
  const file = (path: string, more: object = {}) => ({ namespace: 'files', path, ...more });

  test('are written, and only replaced when that is asked for', async () => {
    expect(await facts(at, 'list_namespace_files', { namespace: 'files' })).toMatchObject({ total: 0 });
    expect(await facts(at, 'write_namespace_file', file('queries/a.sql', { content: 'select 1;\r\nselect "ü"\n' }))).toMatchObject({
      done: 'created',
      path: '/queries/a.sql',
      bytes: 23,
    });
    expect(Buffer.from(at.kestra.state.files.get('files:/queries/a.sql')?.content ?? []).toString()).toBe('select 1;\r\nselect "ü"\n');
    await refused(at, 'write_namespace_file', file('/queries/a.sql', { content: 'x' }), /is there already, with 23 bytes/);
    await refused(at, 'write_namespace_file', file('/queries', { content: 'x' }), /is a folder/);
    expect(await facts(at, 'write_namespace_file', file('/queries/a.sql', { content: 'x', overwrite: true }))).toMatchObject({
      done: 'replaced',
      bytes_before: 23,
    });
  });

  test('are listed by folder, all together, and by a part of their path', async () => {
    await facts(at, 'write_namespace_file', file('scripts/deep/run.py', { content: 'print()' }));
    expect(await facts(at, 'list_namespace_files', { namespace: 'files' })).toMatchObject({
      total: 2,
      entries: expect.arrayContaining([{ kind: 'folder', changed: expect.any(String), quoted: { name: 'queries' } }]),
    });
    const all = await facts(at, 'list_namespace_files', { namespace: 'files', everything: true });
    expect(all).toMatchObject({ total: 2, quoted: { files: ['/queries/a.sql', '/scripts/deep/run.py'] } });
    expect(await facts(at, 'list_namespace_files', { namespace: 'files', query: 'run' })).toMatchObject({ total: 1 });
  });

  test('are read from the beginning, within bounds', async () => {
    await facts(at, 'write_namespace_file', file('big.txt', { content: 'z'.repeat(30_000) }));
    const big = await facts(at, 'read_namespace_file', file('big.txt'));
    expect(big).toMatchObject({ bytes: 30_000, whole: false, note: 'only the first 20000 bytes' });
    expect(await facts(at, 'read_namespace_file', file('/queries/a.sql'))).toMatchObject({ content: 'x', whole: true });
    await refused(at, 'read_namespace_file', file('nope.txt'), /files has no file \/nope.txt/);
    await refused(at, 'read_namespace_file', file('/queries'), /is a folder: list_namespace_files/);
  });

  test('are moved, but never over another', async () => {
    await refused(at, 'move_namespace_file', { namespace: 'files', from: 'queries/a.sql', to: 'big.txt' }, /big.txt is there already/);
    await refused(at, 'move_namespace_file', { namespace: 'files', from: 'nope', to: 'x' }, /has no file \/nope/);
    expect(await facts(at, 'move_namespace_file', { namespace: 'files', from: 'queries', to: 'sql' })).toMatchObject({
      done: 'moved',
      kind: 'folder',
    });
    expect(at.kestra.state.files.has('files:/sql/a.sql')).toBe(true);
  });

  test('are deleted when the path is repeated, a folder with its files counted', async () => {
    await confirmed(at, 'delete_namespace_file', file('scripts'), '/scripts', /deletes the folder \/scripts of files with 1 files/);
    expect([...at.kestra.state.files.keys()].filter((name) => name.includes('scripts'))).toEqual([]);
    await refused(at, 'delete_namespace_file', file('/', { confirm: '/' }), /has no file \//);
  });

  test.each(['../secret', 'a/../b', 'with space', 'a?b', 'per%cent', 'back\\slash'])('have no such path: %s', async (path) => {
    await refused(at, 'write_namespace_file', file(path, { content: 'x' }), /may not climb|may not contain/);
  });
});

onEveryKestra('a namespace', (at) => {
  test('says what it holds', async () => {
    await saveFlows(at.kestra, hello('about', 'one'), hello('about.below', 'two'));
    await facts(at, 'set_key', { namespace: 'about', key: 'k', value: 1 });
    expect(await facts(at, 'describe_namespace', { namespace: 'about' })).toMatchObject({ flows: 1, flows_with_those_below: 2, keys: 1 });
    expect(await facts(at, 'describe_namespace', { namespace: 'nowhere' })).toMatchObject({
      flows: 0,
      note: expect.stringContaining('Kestra knows any name'),
    });
  });

  test('names its secrets, and never gives a value', async () => {
    const { text, structured } = await runTool(at, 'list_secrets', { namespace: 'about' });
    expect(structured).toEqual({ namespace: 'about', secrets: [{ name: 'DEMO', from: 'about' }] });
    expect(text).not.toContain('demo');
  });

  test('has limits that are listed', async () => {
    expect(await facts(at, 'list_concurrency')).toMatchObject({
      total: 0,
      note: expect.stringContaining('No flow with a concurrency limit'),
    });
    at.kestra.state.limits.push({ tenantId: 'main', namespace: 'about', flowId: 'one', running: 2 });
    expect(await facts(at, 'list_concurrency')).toMatchObject({ flows: [{ namespace: 'about', flow_id: 'one', running: 2 }] });
  });

  test('can begin with an example', async () => {
    expect(await facts(at, 'search_blueprints', { query: 's3' })).toMatchObject({
      total: 1,
      blueprints: [{ blueprint_id: 's3-to-postgres' }],
    });
    const { text } = await runTool(at, 'get_blueprint', { blueprint_id: 'hello' });
    expect(text).toContain('```yaml\nid: copied\n');
    const fault = at.kestra.faults.add({ kind: 'status', status: 500 }, { path: /blueprints/, times: Number.POSITIVE_INFINITY });
    await refused(at, 'search_blueprints', { query: 's3' }, /fetches blueprints from api.kestra.io, and can not reach it/);
    fault.remove();
  });
});
