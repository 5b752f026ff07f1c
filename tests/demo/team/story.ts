import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { wrapped } from '../wrap.ts';
import { people } from './people.ts';
import type { Team } from './program.ts';
import { signIn } from './sign-in.ts';

/** Tells one line, no wider than the terminal. */
type Print = (line: string) => void;

interface Step {
  readonly asks: string;
  readonly tool: string;
  readonly args: Record<string, unknown>;
}

const flow = (namespace: string) =>
  `id: from-the-demo\nnamespace: ${namespace}\ntasks:\n  - id: say\n    type: io.kestra.plugin.core.log.Log\n    message: hello\n`;

const steps: readonly Step[] = [
  { asks: 'reads flows of acme.data', tool: 'list_flows', args: { namespace: 'acme.data' } },
  { asks: 'reads flows of acme.ops', tool: 'list_flows', args: { namespace: 'acme.ops' } },
  { asks: 'saves a flow in acme.data', tool: 'create_or_update_flow', args: { source: flow('acme.data') } },
  { asks: 'saves a flow in acme.ops', tool: 'create_or_update_flow', args: { source: flow('acme.ops') } },
];

/** What each of the four accounts may do; what the rest of the program must agree with. */
const expected: Readonly<Record<string, readonly boolean[]>> = {
  administrator: [true, true, true, true],
  editor: [true, false, true, false],
  viewer: [true, true, false, false],
  guest: [false, false, false, false],
};

/**
 * Signs in as each of the four accounts, as a client and a browser would, and shows what each may and may not do.
 * @throws Error if one may do more or less than told
 */
export const playTeamStory = async (team: Team, print: Print): Promise<void> => {
  for (const { id, name, about, kestraToken } of people) {
    print(`\n${name} signs in (${about})`);
    const token = await signIn(team.url, id);
    const client = new Client({ name: 'demo', version: '1.0.0' });
    await client.connect(
      new StreamableHTTPClientTransport(new URL(`${team.url}/mcp`), { requestInit: { headers: { authorization: `Bearer ${token}` } } }),
    );
    const { tools } = await client.listTools();
    print(`  sees ${tools.length} tools`);
    if (id === 'administrator') reason(print, await call(client, steps[0] as Step));
    await team.command(['add-token', '-', `${team.provider.issuer}|${id}`], kestraToken);
    for (const [i, step] of steps.entries()) {
      const outcome = await call(client, step);
      const may = !outcome.failed;
      print(`  ${may ? 'may' : 'not'}  ${step.asks}`);
      if (!may) reason(print, outcome);
      if (may !== expected[id]?.[i]) throw new Error(`${name}: ${step.asks}: ${outcome.text}`);
    }
    await client.close();
  }
};

interface Outcome {
  readonly failed: boolean;
  readonly text: string;
}

const call = async (client: Client, { tool, args }: Step): Promise<Outcome> => {
  try {
    const { content, isError } = await client.callTool({ name: tool, arguments: args });
    const [first] = content as { text?: string }[];
    return { failed: Boolean(isError), text: first?.text ?? '' };
  } catch (error) {
    return { failed: true, text: (error as Error).message };
  }
};

/** Why not, as the model reads it. */
const reason = (print: Print, { text }: Outcome): void => {
  const { message } = text.startsWith('{') ? (JSON.parse(text.split('\n')[0] ?? '{}') as { message?: string }) : { message: text };
  for (const line of wrapped(message ?? text, 90)) print(`       ${line}`);
};
