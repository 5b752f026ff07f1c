import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { during, ended, execute, saveFlows } from '../harness/kestra.ts';
import { type ClientKind, type Server, startServer } from '../harness/server.ts';
import { seed } from '../kestra/seed.ts';
import { type Kestra, startKestra } from '../kestra/server.ts';
import { hello } from '../tools/setting.ts';

const source = hello('res.deep', 'shown', 'description: "a `fence` and a name"\n');

describe.each<[ClientKind, '1.3.25' | '2.0.0-SNAPSHOT']>([
  ['current', '2.0.0-SNAPSHOT'],
  ['legacy', '1.3.25'],
])('with the %s client, on Kestra %s', (client, version) => {
  let kestra: Kestra;
  let server: Server;
  let execution: string;
  beforeAll(async () => {
    kestra = await startKestra({ version });
    seed(kestra);
    server = await startServer({ kestra, client });
    await saveFlows(kestra, source);
    execution = await execute(kestra, 'res.deep', 'shown');
    await ended(kestra, execution);
  });
  afterAll(async () => {
    await server.stop();
    await kestra.close();
  });

  const read = async (uri: string) => (await server.more.readResource({ uri })).contents[0];

  describe('resources', () => {
    test('are offered as templates', async () => {
      const { resourceTemplates } = await server.more.listResourceTemplates();
      expect(resourceTemplates.map(({ uriTemplate }) => uriTemplate)).toEqual([
        'kestra-mcp://flows/{namespace}/{flow_id}',
        'kestra-mcp://executions/{execution_id}',
        'kestra-mcp://executions/{execution_id}/logs',
      ]);
    });

    test('give the source of a flow, exactly', async () => {
      expect(await read('kestra-mcp://flows/res.deep/shown')).toMatchObject({ mimeType: 'application/yaml', text: source });
    });

    test('give an execution, and its logs', async () => {
      const found = await read(`kestra-mcp://executions/${execution}`);
      expect(JSON.parse(found?.text ?? '')).toMatchObject({ execution_id: execution, namespace: 'res.deep', state: 'SUCCESS' });
      const logs = await read(`kestra-mcp://executions/${execution}/logs`);
      expect(logs).toMatchObject({ mimeType: 'text/plain', text: expect.stringContaining('hello') });
    });

    test('that are too long are cut, and begin by saying so', async () => {
      await saveFlows(kestra, hello('res.deep', 'long', `description: ${'y'.repeat(40_000)}\n`));
      const { text = '' } = (await read('kestra-mcp://flows/res.deep/long')) ?? {};
      expect(text.length).toBeLessThan(26_000);
      expect(text).toMatch(/^# source shows the first \d+ of \d+ characters and is not whole\n/);
    });

    test.each([
      'kestra-mcp://flows/res.deep/nope',
      'kestra-mcp://flows/res.deep/..%2F..%2Fusers',
      'kestra-mcp://flows/%E0%A4%A/x',
      'kestra-mcp://executions/nope',
      'kestra-mcp://secrets/x',
      'file:///etc/passwd',
    ])('that are not there are told so: %s', async (uri) => {
      await expect(server.more.readResource({ uri })).rejects.toMatchObject({ code: -32602 });
    });

    test('are read through the layers: the audit has a line for each', async () => {
      await read('kestra-mcp://flows/res.deep/shown');
      const audited = server.log.filter(({ audit }) => audit === 'tools/call');
      expect(audited.at(-1)).toMatchObject({ tool: 'get_flow', namespace: 'res.deep', client: 'kestra-mcp-tests', code: 'ok' });
    });
  });

  describe('completion', () => {
    const complete = async (name: string, value: string, others: Record<string, string> = {}) =>
      (
        await server.more.complete({
          ref: { type: 'ref/resource', uri: 'kestra-mcp://flows/{namespace}/{flow_id}' },
          argument: { name, value },
          context: { arguments: others },
        })
      ).completion.values;

    test('gives namespaces, those first that begin with the text', async () => {
      expect(await complete('namespace', 'acme.d')).toEqual(['acme.data', 'acme.data.raw']);
      expect(await complete('namespace', 'zzz')).toEqual([]);
    });

    test('gives the flows of the namespace that was chosen', async () => {
      expect(await complete('flow_id', 'sales', { namespace: 'acme.data' })).toEqual(['daily_sales_report']);
      expect(await complete('flow_id', '', { namespace: 'res.deep' })).toContain('shown');
    });

    test('gives recent executions, of the flow that was chosen', async () => {
      expect(await complete('execution_id', execution.slice(0, 6))).toContain(execution);
      expect(await complete('execution_id', '', { namespace: 'res.deep', flow_id: 'shown' })).toEqual([execution]);
      expect(await complete('nothing', 'x')).toEqual([]);
    });
  });

  describe('prompts', () => {
    const prompt = async (name: string, args: Record<string, string>) => {
      const { messages } = await server.more.getPrompt({ name, arguments: args });
      return messages.map(({ content }) => content as { text?: string; resource?: { text: string; uri: string } });
    };

    test('are four', async () => {
      const { prompts } = await server.more.listPrompts();
      expect(prompts.map(({ name }) => name)).toEqual(['author_flow', 'diagnose_failure', 'migrate_flow', 'review_flow']);
    });

    test('to write a flow teaches the order of work', async () => {
      const [first] = await prompt('author_flow', { goal: 'copy the orders every night', namespace: 'acme.data' });
      expect(first?.text).toMatch(/in the namespace acme.data for this: copy the orders every night/);
      expect(first?.text).toMatch(/search_plugins[\s\S]*dry_run[\s\S]*Save it only when the user agrees/);
    });

    test('to diagnose says what is meant', async () => {
      expect((await prompt('diagnose_failure', { execution_id: 'abc' }))[0]?.text).toContain('the execution abc failed');
      expect((await prompt('diagnose_failure', { namespace: 'acme.ops', flow_id: 'x' }))[0]?.text).toContain(
        'last failed execution of x in acme.ops',
      );
    });

    test('to migrate or review a flow bring its source along', async () => {
      for (const name of ['migrate_flow', 'review_flow']) {
        const [, second] = await prompt(name, { namespace: 'res.deep', flow_id: 'shown' });
        expect(second?.resource).toMatchObject({ uri: 'kestra-mcp://flows/res.deep/shown', text: source });
      }
      const [, given] = await prompt('review_flow', { source: 'id: x\n' });
      expect(given?.resource?.text).toBe('id: x\n');
    });

    test('name only tools that there are', async () => {
      const { prompts } = await server.more.listPrompts();
      const { structured } = await server.call('search_tools');
      const known = new Set([
        ...(await server.listTools()).map(({ name }) => name),
        ...Object.values(structured.tools as Record<string, string[]>).flat(),
      ]);
      for (const { name, arguments: args = [] } of prompts) {
        const given = Object.fromEntries(
          args.map((one) => [one.name, one.name === 'source' ? '' : one.name === 'namespace' ? 'res.deep' : 'shown']),
        );
        const [{ text = '' } = {}] = await prompt(name, given);
        const named = [
          ...text.matchAll(/\b(?:search|get|list|create_or|validate|execute|diagnose|restart|replay|auth|flow_dep|run)_\w+/g),
        ].map(([word]) => word);
        expect(named.length).toBeGreaterThan(1);
        expect(named.filter((word) => !known.has(word))).toEqual([]);
      }
    });

    test('that lack something are refused', async () => {
      await expect(prompt('author_flow', {})).rejects.toMatchObject({ code: -32602, message: expect.stringContaining('needs goal') });
      await expect(prompt('review_flow', {})).rejects.toMatchObject({
        code: -32602,
        message: expect.stringContaining('namespace and flow_id'),
      });
      await expect(prompt('migrate_flow', { namespace: 'res.deep', flow_id: 'nope' })).rejects.toMatchObject({ code: -32602 });
      await expect(prompt('nope', {})).rejects.toMatchObject({ code: -32602 });
    });
  });
});

test('without a credential nothing is asked of Kestra', async () => {
  const kestra = await startKestra({ version: '2.0.0-SNAPSHOT' });
  const server = await startServer({ kestra, env: { KESTRA_USERNAME: undefined, KESTRA_PASSWORD: undefined } });
  const { result, requests } = await during(kestra, () =>
    server.more.readResource({ uri: 'kestra-mcp://flows/a/b' }).catch((error: unknown) => error),
  );
  expect(result).toMatchObject({ message: expect.stringContaining('No Kestra credential is set') });
  expect(requests).toEqual([]);
  await server.stop();
  await kestra.close();
});

test('a role sees what its permissions allow', async () => {
  const kestra = await startKestra({ version: '2.0.0-SNAPSHOT' });
  const server = await startServer({ kestra, env: { KESTRA_MCP_ROLE: 'kestra-viewer' } });
  expect((await server.more.listPrompts()).prompts.map(({ name }) => name)).not.toContain('author_flow');
  expect((await server.more.listResourceTemplates()).resourceTemplates).toHaveLength(3);
  await server.stop();
  await kestra.close();
});
