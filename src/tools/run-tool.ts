import { z } from 'zod';
import { PublicError } from '../errors.ts';
import { recipe, type Tool } from './tool.ts';

/** Stands for the tool that it names: see resolveCall. */
export const runTool = recipe({
  name: 'run_tool',
  title: 'Run tool',
  description: 'Call a tool that search_tools found.',
  permissions: [],
  effect: 'run',
  input: () => z.strictObject({ name: z.string().min(1).max(100), arguments: z.record(z.string(), z.unknown()).optional() }),
  uses: [],
  run: async () => {
    throw new PublicError('internal', 'run_tool was not resolved.');
  },
});

export interface ToolToCall {
  readonly tool: Tool;
  readonly args: unknown;
}

/**
 * The tool that a call is about and its arguments: what run_tool names is called as if it had been called by its own name, so that
 * permission, scope, audit and limits are those of the tool that runs. Undefined if there is no such tool.
 */
export const resolveCall = (catalog: readonly Tool[], name: string, args: unknown): ToolToCall | undefined => {
  const tool = named(catalog, name);
  if (tool?.name !== runTool.name) return tool && { tool, args };
  const called = runTool.input.safeParse(withParsedArguments(args));
  // The tool's own check then says what is wrong.
  if (!called.success) return { tool, args };
  const { name: inner, arguments: its } = called.data as { name: string; arguments?: unknown };
  const found = inner === runTool.name ? undefined : named(catalog, inner);
  return found && { tool: found, args: its };
};

const named = (catalog: readonly Tool[], name: string): Tool | undefined => catalog.find((tool) => tool.name === name);

/** Some models write the arguments as text. */
const withParsedArguments = (args: unknown): unknown => {
  if (typeof args !== 'object' || args === null || !('arguments' in args)) return args;
  if (args.arguments === null) return { ...args, arguments: undefined };
  if (typeof args.arguments !== 'string') return args;
  try {
    return { ...args, arguments: JSON.parse(args.arguments) as unknown };
  } catch {
    return args;
  }
};
