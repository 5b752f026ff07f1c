import { serves } from '../../src/kestra/dialect.ts';
import { lines } from '../../src/kestra/generated/routes.ts';
import { direct, tools } from '../../src/tools/catalog.ts';
import { isEnterprise, subjectOf, type Tool } from '../../src/tools/tool.ts';
import { code, table } from './markdown.ts';

/** The lines of Kestra on which all that a tool asks for exists. */
const versions = (tool: Tool): string => {
  const has = lines.filter((line) => tool.uses.every((id) => serves({ line, edition: 'EE' }, id)));
  return has.length === lines.length ? 'all' : has.map((line) => `${line}.x`).join(', ');
};

const row = (tool: Tool): string[] => [
  code(tool.name),
  tool.description.replace(/ \(Enterprise\)/, ''),
  tool.permissions.map(code).join(', ') || 'none',
  tool.effect,
  isEnterprise(tool) ? 'Enterprise' : 'both',
  versions(tool),
  [...new Set(tool.uses)].sort().join(', ') || 'none',
];

const head = ['tool', 'what for', 'permission', 'effect', 'edition', 'Kestra', 'operations'];

const bySubject = (list: readonly Tool[]): string => {
  const subjects = [...new Set(list.map(subjectOf))];
  return subjects
    .map((subject) => `### ${subject}\n\n${table(head, list.filter((tool) => subjectOf(tool) === subject).map(row))}`)
    .join('\n\n');
};

/** docs/tools.md, from the catalogue. */
export const toolsPage = (): string => {
  const behind = tools.filter((tool) => !direct.includes(tool));
  return `# The tools

Made by \`npm run docs\` from the catalogue of tools; \`npm run docs -- --check\` fails when it is out of date.

${direct.length} tools are listed to every client (those of Enterprise only where Kestra is Enterprise); ${behind.length} more are found with \`search_tools\` and called
with \`run_tool\`. \`KESTRA_MCP_TOOLS\` changes which are listed. Whichever way a tool is called, its permission, its effect and the audit are its own.

**Effect**: *read* changes nothing; *write* changes something that can be changed back; *run* starts work, which can do anything; *destroy* stops or removes
something; *session* concerns the caller alone. \`KESTRA_MCP_READ_ONLY\` leaves those that read. What removes for good asks for a second call with \`confirm\`;
what acts on many says first how many, with a sample, and acts on exactly those. A client that can show its user a form (elicitation) is asked to: then the
user confirms, once and exactly what they were shown, and the model can not do it for them. (Over HTTP a client of MCP 2025-11-25 can
be asked where one replica serves; its answer might reach another.)

**Kestra**: \`all\` are the lines ${lines.map((line) => `${line}.x`).join(' and ')}. **Operations** are Kestra's own, by their names in Kestra 2; a tool can reach no others.

## Listed

${table(head, direct.map(row))}

## Found with search_tools

${bySubject(behind)}
`;
};
