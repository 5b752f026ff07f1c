import { subjects } from '../access/permission.ts';
import { PublicError } from '../errors.ts';
import { direct, tools } from './catalog.ts';
import { runTool } from './run-tool.ts';
import { searchTools } from './search-tools.ts';
import { subjectOf, type Tool } from './tool.ts';

export interface ToolSettings {
  /** Which tools are listed: names, subjects, or `all`; empty: those that are listed by default. */
  readonly direct: readonly string[];
  readonly readOnly: boolean;
}

/** The tools that there are, and the names of those that clients list; the others are reached with search_tools and run_tool. */
export interface Choice {
  readonly catalog: readonly Tool[];
  readonly direct: ReadonlySet<string>;
}

/** @throws PublicError `misconfigured` for a word that is neither a tool nor a subject */
export const chooseTools = ({ direct: words, readOnly }: ToolSettings): Choice => {
  const catalog = readOnly ? tools.filter(isHarmless).map(harmless) : tools;
  const listed = words.length === 0 ? direct : tools.filter((tool) => words.some((word) => isMeant(tool, word)));
  const unknown = words.filter((word) => !tools.some((tool) => isMeant(tool, word)));
  if (unknown.length > 0) {
    throw new PublicError(
      'misconfigured',
      `KESTRA_MCP_TOOLS: ${unknown.join(', ')}: use names of tools, ${[...subjects, 'account'].join(', ')}, or all`,
    );
  }
  const names = new Set(listed.map(({ name }) => name));
  // Whatever is not listed must still be found.
  if (catalog.some(({ name }) => !names.has(name) && !finders.has(name))) for (const name of finders) names.add(name);
  return { catalog, direct: names };
};

const finders: ReadonlySet<string> = new Set([searchTools.name, runTool.name]);

const isMeant = (tool: Tool, word: string): boolean =>
  word === tool.name || ((word === 'all' || word === subjectOf(tool)) && !finders.has(tool.name));

const isHarmless = ({ name, effect }: Tool): boolean => effect === 'read' || effect === 'session' || name === runTool.name;

/** Where nothing can be written, run_tool writes nothing either. */
const harmless = (tool: Tool): Tool => (tool.name === runTool.name ? { ...tool, effect: 'read' } : tool);
