import { ProtocolError, ProtocolErrorCode, ResourceNotFoundError, type Server } from '@modelcontextprotocol/server';
import { type Answer, asStructure } from '../tools/answer.ts';
import { getExecutionLogs } from '../tools/execution-logs.ts';
import { getExecution } from '../tools/executions.ts';
import { getFlow } from '../tools/flows.ts';
import type { Tool } from '../tools/tool.ts';
import type { Ask, Asker, Asking } from './ask.ts';

interface Template {
  readonly uriTemplate: string;
  readonly name: string;
  readonly title: string;
  readonly description: string;
  readonly mimeType: string;
  /** What gives it, and who may have it. */
  readonly tool: Tool;
  readonly pattern: RegExp;
  readonly text: (answer: Answer) => string;
}

const segment = '([^/?#]+)';
const blockOf = (answer: Answer, name: string): string => answer.blocks?.find((block) => block.name === name)?.text ?? '';

/** What had to be cut is said where the reader begins. */
const cutNote = ({ facts }: Answer): string => (facts.cut ? `# ${String(facts.cut)}\n` : '');

export const templates: readonly Template[] = [
  {
    uriTemplate: 'kestra-mcp://flows/{namespace}/{flow_id}',
    name: 'flow',
    title: 'Flow source',
    description: "A flow's YAML source as it is now.",
    mimeType: 'application/yaml',
    tool: getFlow,
    pattern: new RegExp(`^kestra-mcp://flows/(?<namespace>${segment})/(?<flow_id>${segment})$`),
    text: (answer) => `${cutNote(answer)}${blockOf(answer, 'source')}`,
  },
  {
    uriTemplate: 'kestra-mcp://executions/{execution_id}',
    name: 'execution',
    title: 'Execution',
    description: 'An execution: state, tasks, inputs and outputs without secrets.',
    mimeType: 'application/json',
    tool: getExecution,
    pattern: new RegExp(`^kestra-mcp://executions/(?<execution_id>${segment})$`),
    text: (answer) => JSON.stringify(asStructure(answer), undefined, 2),
  },
  {
    uriTemplate: 'kestra-mcp://executions/{execution_id}/logs',
    name: 'execution_logs',
    title: 'Execution logs',
    description: 'The last log lines of an execution, newest first.',
    mimeType: 'text/plain',
    tool: getExecutionLogs,
    pattern: new RegExp(`^kestra-mcp://executions/(?<execution_id>${segment})/logs$`),
    text: (answer) => `${cutNote(answer)}${(answer.blocks ?? []).map((block) => block.text).join('\n')}`,
  },
];

/** Flow sources, executions and logs by their addresses; each is asked for with the tool that gives it, and held to the caller's permissions. */
export const serveResources = (server: Server, ask: Ask, may: (tool: Tool) => boolean, askerOf: (context: Asking) => Asker): void => {
  // Every flow and execution is one: they are found with templates and completion, not in a list.
  server.setRequestHandler('resources/list', async () => ({ resources: [] }));

  server.setRequestHandler('resources/templates/list', async () => ({
    resourceTemplates: templates
      .filter(({ tool }) => may(tool))
      .map(({ uriTemplate, name, title, description, mimeType }) => ({ uriTemplate, name, title, description, mimeType })),
  }));

  server.setRequestHandler('resources/read', async ({ params: { uri } }, context) => {
    const found = templates.find(({ pattern, tool }) => pattern.test(uri) && may(tool));
    const args = found && decoded(found.pattern.exec(uri)?.groups ?? {});
    if (!found || !args) throw new ResourceNotFoundError(uri);
    const { answer, failed } = await ask(found.tool, args, askerOf(context));
    if (!failed) return { contents: [{ uri, mimeType: found.mimeType, text: found.text(answer) }] };
    if (answer.facts.error === 'not_found' || answer.facts.error === 'invalid_input') throw new ResourceNotFoundError(uri);
    throw new ProtocolError(ProtocolErrorCode.InternalError, String(answer.facts.message));
  });
};

/** The parts of an address; undefined if they are not well encoded. */
const decoded = (groups: Readonly<Record<string, string>>): Record<string, string> | undefined => {
  try {
    return Object.fromEntries(Object.entries(groups).map(([name, value]) => [name, decodeURIComponent(value)]));
  } catch {
    return undefined;
  }
};
