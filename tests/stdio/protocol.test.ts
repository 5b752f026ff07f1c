import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { type Kestra, startKestra } from '../kestra/server.ts';
import { killAll, logOf, type Program, settingsFor, start } from './program.ts';

let kestra: Kestra;
let folder: string;
beforeAll(async () => {
  kestra = await startKestra({ version: '2.0.0-SNAPSHOT' });
  folder = mkdtempSync(join(tmpdir(), 'stdio-'));
});
afterEach(killAll);
afterAll(async () => {
  await kestra.close();
  rmSync(folder, { recursive: true });
});

const env = () => settingsFor(kestra);

/** Every line of stdout is one message of JSON-RPC, and every line of stderr is JSON; after its input ends the program ends well. */
const endsWell = async (program: Program): Promise<void> => {
  expect(await program.finish()).toEqual({ code: 0, signal: null });
  expect(program.stdout === '' || program.stdout.endsWith('\n')).toBe(true);
  for (const message of program.messages) expect(message.jsonrpc).toBe('2.0');
  for (const line of logOf(program.stderr))
    expect(line).toMatchObject({ level: expect.any(String), time: expect.any(String), msg: expect.any(String) });
};

const envelope = {
  'io.modelcontextprotocol/protocolVersion': '2026-07-28',
  'io.modelcontextprotocol/clientInfo': { name: 'wire', version: '1' },
  'io.modelcontextprotocol/clientCapabilities': {},
};

describe('both eras of the protocol, on the wire', () => {
  test('2025-11-25: initialize, list, call', async () => {
    const program = start({ env: env() });
    const { result } = await program.initialize();
    expect(result).toMatchObject({ protocolVersion: '2025-11-25', serverInfo: { name: 'kestra-mcp' }, capabilities: { tools: {} } });
    expect((await program.ask('tools/list')).result?.tools).toHaveLength(24);
    expect(await program.call('search_namespaces')).toContain('"total":');
    expect((await program.ask('ping')).result).toEqual({});
    await endsWell(program);
  });

  test.each(['2024-11-05', '2025-06-18'])('%s: an older client is served too', async (protocolVersion) => {
    const program = start({ env: env() });
    const { result } = await program.ask('initialize', { protocolVersion, capabilities: {}, clientInfo: { name: 'old', version: '1' } });
    expect(result?.protocolVersion).toBe(protocolVersion);
    expect((await program.ask('tools/list')).result?.tools).toHaveLength(24);
    await endsWell(program);
  });

  test('2026-07-28: discover, list, call', async () => {
    const program = start({ env: env() });
    const discovered = await program.ask('server/discover', { _meta: envelope });
    expect(discovered.result).toMatchObject({ supportedVersions: ['2026-07-28'], capabilities: { tools: {} } });
    const listed = await program.ask('tools/list', { _meta: envelope });
    expect(listed.result?.tools).toHaveLength(24);
    expect(listed.result).toMatchObject({ ttlMs: 60_000, cacheScope: 'private' });
    const called = await program.ask('tools/call', { _meta: envelope, name: 'search_namespaces', arguments: {} });
    expect(called.result?.content?.[0]?.text).toContain('"total":');
    await endsWell(program);
  });

  test('an unknown version is named as such', async () => {
    const program = start({ env: env() });
    const future = { ...envelope, 'io.modelcontextprotocol/protocolVersion': '2099-01-01' };
    expect((await program.ask('server/discover', { _meta: future })).error).toMatchObject({ data: { supported: ['2026-07-28'] } });
    await endsWell(program);
  });
});

describe('what is not a message', () => {
  const nonsense: readonly [string, string | Buffer][] = [
    ['an empty line', '\n'],
    ['blanks', '   \t \n'],
    ['half the JSON', '{"jsonrpc":"2.0","id":1,"method":"tools/li\n'],
    ['no JSON', 'GET / HTTP/1.1\r\nHost: localhost\r\n\r\n'],
    ['JSON that is no message', '[]\n7\nnull\n"a"\n{}\n{"jsonrpc":"1.0","id":1,"method":"a"}\n'],
    ['a batch', '[{"jsonrpc":"2.0","id":1,"method":"ping"}]\n'],
    ['an id that is none', '{"jsonrpc":"2.0","id":{"a":1},"method":"ping"}\n'],
    ['params that are none', '{"jsonrpc":"2.0","id":5,"method":"tools/call","params":7}\n'],
    ['a prototype', '{"jsonrpc":"2.0","method":"notifications/x","params":{"__proto__":{"a":1}}}\n'],
    ['bytes', Buffer.from([0, 1, 2, 0xff, 0xfe, 0xc3, 0x28, 10, 0x80, 10])],
    ['something nested 100,000 times', `${'['.repeat(100_000)}${']'.repeat(100_000)}\n`],
    ['an answer that nobody asked for', '{"jsonrpc":"2.0","id":99,"result":{}}\n'],
    ['an unknown notification', '{"jsonrpc":"2.0","method":"notifications/nonsense"}\n'],
    ['a cancellation of nothing', '{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":77}}\n'],
  ];

  test('does no harm before the introduction', async () => {
    const program = start({ env: env() });
    for (const [, bytes] of nonsense) program.send(bytes);
    await program.initialize();
    expect(await program.call('search_namespaces')).toContain('"total":');
    await endsWell(program);
  });

  test('does no harm after it', async () => {
    const program = start({ env: env() });
    await program.initialize();
    for (const [what, bytes] of nonsense) {
      program.send(bytes);
      expect(await program.call('search_namespaces'), what).toContain('"total":');
    }
    await endsWell(program);
  });

  test('an unknown method is refused by its name', async () => {
    const program = start({ env: env() });
    await program.initialize();
    for (const method of ['tools/nonsense', 'tasks/list', 'logging/nonsense', '__proto__', 'constructor', ''])
      expect((await program.ask(method)).error?.code).toBe(-32601);
    await endsWell(program);
  });

  test('a tool that does not exist is refused by its name, whatever it is', async () => {
    const program = start({ env: env() });
    await program.initialize();
    for (const name of ['nonsense', '__proto__', 'toString', '', 'x'.repeat(100_000)]) {
      const { error } = await program.ask('tools/call', { name, arguments: {} });
      expect(error?.code).toBe(-32602);
      expect(error?.message).toContain('not found');
      expect(error?.message.length).toBeLessThan(300);
    }
    expect((await program.ask('tools/call', { name: 'list_flows', arguments: [1] })).error?.code).toBe(-32602);
    expect((await program.ask('tools/call', {})).error?.code).toBe(-32602);
    await endsWell(program);
  });

  test('a tool is not called by what is nested 5,000 times', async () => {
    const program = start({ env: env() });
    await program.initialize();
    const nested = `${'{"a":'.repeat(5000)}1${'}'.repeat(5000)}`;
    program.send(`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"list_flows","arguments":{"namespace":${nested}}}}\n`);
    program.send(
      `{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"execute_flow","arguments":{"namespace":"a","flow_id":"b","inputs":${nested}}}}\n`,
    );
    expect((await program.answer(1)).result?.isError).toBe(true);
    expect((await program.answer(2)).result?.isError).toBe(true);
    await endsWell(program);
  });

  test('messages that come in pieces, many in one, or without a line end at the end', async () => {
    const program = start({ env: env() });
    const message = (id: number) => `{"jsonrpc":"2.0","id":${id},"method":"ping"}\r\n`;
    await program.initialize();
    for (const byte of Buffer.from(message(1))) program.send(Buffer.from([byte]));
    program.send(message(2) + message(3) + message(4));
    await Promise.all([1, 2, 3, 4].map((id) => program.answer(id)));
    program.send(message(5).trimEnd());
    await endsWell(program);
    expect(program.messages.map(({ id }) => id)).not.toContain(5);
  });
});

describe('messages that are very large', () => {
  const most = 10 * 1024 * 1024;
  const call = (id: number, size: number) => {
    const before = `{"jsonrpc":"2.0","id":${id},"method":"tools/call","params":{"name":"create_or_update_flow","arguments":{"source":"`;
    return `${before}${'x'.repeat(size - before.length - 5)}"}}}\n`;
  };

  test('just under 10 MB: it is read, and refused for its size', async () => {
    const program = start({ env: env() });
    await program.initialize();
    program.send(call(1, most - 10));
    expect((await program.answer(1)).result?.content?.[0]?.text).toContain('1000000 are allowed');
    expect(await program.call('search_namespaces')).toContain('"total":');
    await endsWell(program);
  });

  test('just over 10 MB: the program says so and ends, since it no longer knows where a message begins', async () => {
    const program = start({ env: env() });
    await program.initialize();
    program.send(call(1, most + 100_000));
    expect(await program.exit).toEqual({ code: 1, signal: null });
    expect(logOf(program.stderr)).toContainEqual(expect.objectContaining({ level: 'error', why: expect.stringContaining('larger than') }));
    for (const message of program.messages) expect(message.jsonrpc).toBe('2.0');
  });
});

describe('stdout', () => {
  const preload = (name: string, script: string): Record<string, string> => {
    const file = join(folder, `${name}.mjs`);
    writeFileSync(file, script);
    return { NODE_OPTIONS: `--import ${file}` };
  };

  test('carries the protocol alone, whatever a dependency prints meanwhile', async () => {
    // Every query string that is made makes the dependency talk.
    const noise = preload(
      'noise',
      `const { log } = console;
       const { toString } = URLSearchParams.prototype;
       URLSearchParams.prototype.toString = function () {
         console.log('noise: console.log'); console.info('noise: console.info'); console.debug('noise: console.debug');
         console.table([{ noise: 1 }]); console.dir({ noise: 1 }); console.group('noise: group'); log('noise: an old console.log');
         process.stdout.write('noise: stdout.write\\n'); process.stdout.write(Buffer.from('noise: bytes\\n'), () => {});
         process.emitWarning('noise: warning');
         return toString.call(this);
       };`,
    );
    const program = start({ env: { ...env(), ...noise } });
    await program.initialize();
    for (let i = 0; i < 20; i++) expect(await program.call('search_namespaces')).toContain('"total":');
    expect(await program.finish()).toEqual({ code: 0, signal: null });
    for (const message of program.messages) expect(message.jsonrpc).toBe('2.0');
    expect(program.stdout).not.toContain('noise');
    for (const way of ['console.log', 'console.info', 'group', 'an old console.log', 'stdout.write', 'bytes', 'warning'])
      expect(program.stderr).toContain(`noise: ${way}`);
  });

  test('is whole where an answer is larger than the pipe', async () => {
    const program = start({ env: { ...env(), KESTRA_MCP_ANSWER_CHARACTERS: '1000000' } });
    await program.initialize();
    const source = `id: large\nnamespace: acme.large\ndescription: "${'ü'.repeat(300_000)}"\ntasks:\n  - id: log\n    type: io.kestra.plugin.core.log.Log\n    message: hi\n`;
    expect(await program.call('create_or_update_flow', { source })).toContain('"done":"created"');
    program.child.stdout?.pause();
    for (let id = 1; id <= 5; id++)
      program.send({
        jsonrpc: '2.0',
        id,
        method: 'tools/call',
        params: { name: 'get_flow', arguments: { namespace: 'acme.large', flow_id: 'large' } },
      });
    await expect.poll(() => kestra.requests.filter(({ path }) => path.endsWith('/flows/acme.large/large')).length).toBeGreaterThan(5);
    program.child.stdout?.resume();
    for (let id = 1; id <= 5; id++) expect((await program.answer(id)).result?.content?.[0]?.text).toContain('ü'.repeat(300_000));
    await endsWell(program);
  });

  test('has an answer for each of 200 calls at once', async () => {
    const program = start({ env: { ...env(), KESTRA_MCP_CONCURRENT_CALLS: '500' } });
    await program.initialize();
    const ids = Array.from({ length: 200 }, (_, i) => i + 1);
    for (const id of ids)
      program.send({ jsonrpc: '2.0', id, method: 'tools/call', params: { name: 'search_namespaces', arguments: { query: `q${id}` } } });
    const answers = await Promise.all(ids.map((id) => program.answer(id)));
    for (const [i, { result }] of answers.entries()) expect(result?.content?.[0]?.text).toMatch(new RegExp(`"total":|q${i + 1}"`));
    expect(program.messages.filter(({ id }) => typeof id === 'number' && id <= 200)).toHaveLength(200);
    await endsWell(program);
  });
});

test('a failure that nothing caught is one line of the log, and the end', async () => {
  const file = join(folder, 'fails.mjs');
  writeFileSync(file, "setTimeout(() => { throw new Error('nobody expects it') }, 800)");
  const program = start({ env: { ...env(), NODE_OPTIONS: `--import ${file}` } });
  await program.initialize();
  expect(await program.exit).toEqual({ code: 1, signal: null });
  expect(logOf(program.stderr).at(-1)).toMatchObject({ level: 'error', err: { message: 'nobody expects it' } });
});
