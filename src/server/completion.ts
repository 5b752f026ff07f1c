import type { Server } from '@modelcontextprotocol/server';
import type { Answer } from '../tools/answer.ts';
import { searchNamespaces } from '../tools/namespaces.ts';
import { searchExecutions } from '../tools/search-executions.ts';
import { searchFlows } from '../tools/search-flows.ts';
import type { Tool } from '../tools/tool.ts';
import type { Ask, Asker, Asking } from './ask.ts';

const most = 100;
type Arguments = Readonly<Record<string, string>>;

interface Source {
  readonly tool: Tool;
  readonly args: (value: string, others: Arguments) => Record<string, unknown>;
  readonly values: (answer: Answer) => string[];
}

const column = (rows: unknown, name: string): string[] =>
  Array.isArray(rows) ? rows.map((row: Readonly<Record<string, unknown>>) => String(row[name])) : [];

/** Where the values of an argument come from, whatever resource or prompt it belongs to. */
const sources: Readonly<Record<string, Source>> = {
  namespace: {
    tool: searchNamespaces,
    args: (value) => ({ ...(value && { query: value }), size: most }),
    values: ({ facts }) => (Array.isArray(facts.namespaces) ? facts.namespaces.map(String) : []),
  },
  flow_id: {
    tool: searchFlows,
    args: (value, { namespace }) => ({ ...(value && { query: value }), ...(namespace && { namespace }), size: most }),
    values: ({ facts }) => column(facts.flows, 'flow_id'),
  },
  execution_id: {
    tool: searchExecutions,
    args: (_, { namespace, flow_id }) => ({ ...(namespace && { namespace, ...(flow_id && { flow_id }) }), size: most }),
    values: ({ facts }) => column(facts.executions, 'execution_id'),
  },
};

/** Completes namespaces, flow ids and the ids of recent executions, as far as the caller may see them. */
export const serveCompletion = (server: Server, ask: Ask, may: (tool: Tool) => boolean, askerOf: (context: Asking) => Asker): void => {
  server.setRequestHandler('completion/complete', async ({ params: { argument, context: others } }, context) => {
    const source = sources[argument.name];
    if (!source || !may(source.tool)) return { completion: { values: [] } };
    const value = argument.value.slice(0, 200);
    const { answer, failed } = await ask(source.tool, source.args(value, others?.arguments ?? {}), askerOf(context));
    if (failed) return { completion: { values: [] } };
    const fitting = [...new Set(source.values(answer))].filter((one) => one.toLowerCase().includes(value.toLowerCase()));
    // What begins with the text comes first.
    const begins = (one: string) => Number(!one.toLowerCase().startsWith(value.toLowerCase()));
    return { completion: { values: fitting.sort((a, b) => begins(a) - begins(b)).slice(0, most), hasMore: answer.facts.more === true } };
  });
};
