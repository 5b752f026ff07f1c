import { builtInRoles, permissions, rolePermissions } from '../../src/access/permission.ts';
import { scopeFor } from '../../src/server/scope-challenge.ts';
import { tools } from '../../src/tools/catalog.ts';
import { runTool } from '../../src/tools/run-tool.ts';
import { isEnterprise, subjectOf, type Tool } from '../../src/tools/tool.ts';
import { code, table } from './markdown.ts';

const yes = (holds: boolean): string => (holds ? 'yes' : '');

const effects: Readonly<Record<Tool['effect'], string>> = {
  read: 'reads',
  write: 'writes',
  run: 'runs a flow, which can do anything',
  destroy: 'stops or removes',
  session: 'concerns the caller alone',
};

/** What a grant that names namespaces means for a tool. Held to the layers by tests/permissions. */
const narrowing = (tool: Tool): string => {
  if (tool.effect === 'session') return 'no limit applies';
  if (tool.name === runTool.name) return 'that of the tool that it runs';
  if (tool.wide) return 'only with a grant for all namespaces';
  const { namespace, uid, execution_id, source } = tool.input.shape;
  if (namespace && source) return 'the namespace of the arguments, or in the source';
  if (namespace)
    return namespace.safeParse(undefined).success
      ? 'the namespace of the arguments, else the list is narrowed'
      : 'the namespace of the arguments';
  if (tool.everywhere) return `looked up by the id first; ${tool.everywhere.map(code).join(' and ')} for all namespaces`;
  if (execution_id || uid) return 'looked up by the id first';
  if (tool.anywhere) return ['plugin', 'blueprint'].includes(subjectOf(tool)) ? 'the same for everybody' : 'the list is narrowed';
  return 'the namespace in the source';
};

const mayUse = (role: (typeof builtInRoles)[number], tool: Tool): boolean =>
  tool.permissions.every((permission) => rolePermissions[role].includes(permission));

const toolRow = (tool: Tool): string[] => [
  `${code(tool.name)}${isEnterprise(tool) ? ' (Enterprise)' : ''}`,
  tool.permissions.map(code).join(', ') || 'none',
  effects[tool.effect],
  scopeFor(tool.permissions) === undefined ? 'none' : code(String(scopeFor(tool.permissions))),
  ...builtInRoles.map((role) => yes(mayUse(role, tool))),
  narrowing(tool),
];

/** docs/permissions.md, from the catalogue. */
export const permissionsPage = (): string => `# Who may do what

Made by \`npm run docs\` from the catalogue of tools; \`npm run docs -- --check\` fails when it is out of date.

Nothing is allowed that no grant allows. A tool that a caller may use nowhere is not listed, and calling it is answered like calling one that
does not exist. \`auth_status\` tells everybody their roles, where these came from, and what each refused tool lacks.

## Tools

${table(['tool', 'permission', 'what it does', 'OAuth scope', ...builtInRoles.map(code), 'a grant for some namespaces'], tools.map(toolRow))}

To act on an execution that is there (stop, resume, restart, label it, rewrite its state) takes \`kestra.execution.write\`; to start a new one (execute, replay,
backfill, test) takes \`kestra.flow.execute\`. What acts on many also needs the permission to list them.

Resources, prompts and completions show what the tool shows that reads the same, to whom it shows it.

The permission decides first, by the roles; then the scope of the access token, which may be narrower than the roles.
\`kestra.write\` includes \`kestra.execute\`, which includes \`kestra.read\`.

## Permissions and built-in roles

${table(
  ['permission', ...builtInRoles.map(code)],
  permissions.map((permission) => [code(permission), ...builtInRoles.map((role) => yes(rolePermissions[role].includes(permission)))]),
)}

A value of the roles claim (\`OIDC_ROLES_CLAIM\`) grants the built-in role or the permission of that very name, in all namespaces.
Everything else is said by a policy.

## The policy

\`KESTRA_MCP_POLICY\` names a YAML file:

\`\`\`yaml
grants:
  - match: { groups: [data-team] }
    roles: [kestra-editor]
    namespaces: [acme.data]
  - match: { roles: [on-call] }
    permissions: [kestra.execution.read, kestra.execution.write, kestra.log.read]
\`\`\`

- \`match\` has \`roles\`, \`groups\`, \`sub\`, \`email\` and \`domain\`. All of its keys must match; of a key's values, one.
- \`email\` and \`domain\` count only where \`OIDC_TENANTS\` or \`OIDC_HOSTED_DOMAINS\` limit who may sign in: elsewhere anybody may own the same address. An e-mail
  must also be verified by the provider (\`email_verified\`, which Entra does not send). \`domain\` is that of such an e-mail, or the hosted domain that
  Google names.
- \`namespaces\` are meant with everything below them: \`acme.data\` includes \`acme.data.raw\`, never \`acme.database\`. Without it the grant is for all.
- Each grant counts alone: its permissions in its namespaces. Two grants are never mixed into the permissions of one in the namespaces of the other.
- An unknown key, role or permission, an empty match or an empty list stops the start, with the line.
- A change counts within five seconds. A bad edit changes nothing: the last good policy stays, \`/readyz\` says \`degraded\`, and the log says why.

## How a limit to namespaces holds

- Lists and searches are narrowed before they are counted and paged, so totals and pages know nothing of other namespaces.
- A save is checked for the namespace that Kestra will read in the source.
- An execution or app that is known by its id is looked up first; one from elsewhere is answered like one that does not exist.
- The diagnosis of a failure follows subflows only where the caller may read executions, and leaves out logs and sources that they may not read.
- The address of a file that Kestra keeps (\`kestra://\`, \`nsfile://\`) goes into a flow, and its content to a caller, only from the flow's own namespace, or
  one where the caller may read it.
- An expression can read the keys and files of every namespace: so \`evaluate_expression\` needs their permissions for all, and expressions in the inputs of
  a backfill, which Kestra renders, are for those who may write the flow.

What a flow does once it runs is not limited here but by Kestra: a flow may read and start things in other namespaces with the rights that Kestra gives
it. Whoever may write or execute flows can do through them what Kestra allows them to do.
`;
