export const subjects = [
  'flow',
  'execution',
  'trigger',
  'namespace',
  'app',
  'log',
  'kv',
  'file',
  'secret',
  'plugin',
  'blueprint',
  'test',
] as const;
const actions = ['read', 'write', 'execute', 'delete'] as const;

export type Subject = (typeof subjects)[number];
type Action = (typeof actions)[number];

/** `kestra.<subject>.<action>`: what a tool needs and a role grants. */
export type Permission = `kestra.${Subject}.${Action}`;

export const builtInRoles = ['kestra-viewer', 'kestra-operator', 'kestra-editor', 'kestra-admin'] as const;
export type BuiltInRole = (typeof builtInRoles)[number];

const executable: readonly Subject[] = ['flow', 'app'];

/** Every permission there is: only flows and apps can be executed, and a secret's name can be read but nothing else be done to it. */
export const permissions: readonly Permission[] = subjects.flatMap((subject) =>
  actions
    .filter((action) => (action === 'execute' ? executable.includes(subject) : subject !== 'secret' || action === 'read'))
    .map((action) => `kestra.${subject}.${action}` as const),
);

const viewer = permissions.filter((permission) => permission.endsWith('.read'));
const operator: readonly Permission[] = [
  ...viewer,
  'kestra.flow.execute',
  'kestra.app.execute',
  'kestra.execution.write',
  'kestra.trigger.write',
];
const editor: readonly Permission[] = [...operator, 'kestra.flow.write', 'kestra.file.write', 'kestra.kv.write', 'kestra.app.write'];

/** What each built-in role grants. Each holds all of the one before it. */
export const rolePermissions: Readonly<Record<BuiltInRole, readonly Permission[]>> = {
  'kestra-viewer': viewer,
  'kestra-operator': operator,
  'kestra-editor': editor,
  'kestra-admin': permissions,
};

export const isPermission = (name: string): name is Permission => (permissions as readonly string[]).includes(name);
export const isBuiltInRole = (name: string): name is BuiltInRole => (builtInRoles as readonly string[]).includes(name);

/** What a permission is about. */
export const subjectIn = (permission: Permission): Subject => permission.split('.')[1] as Subject;
