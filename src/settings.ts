import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { builtInRoles } from './access/permission.ts';
import { PublicError } from './errors.ts';
import { nearest } from './nearest.ts';
import { flag, list, seconds, url } from './setting-kinds.ts';
import { limitSettings } from './settings-limits.ts';
import { secretSettings } from './settings-secrets.ts';
import { telemetrySettings } from './settings-telemetry.ts';

const presets = ['entra', 'google', 'okta', 'auth0', 'keycloak', 'other'] as const;
/** The kinds of identity provider whose habits are known; `other` is any conforming one. */
export type Preset = (typeof presets)[number];

/** Every setting by its name in the environment. The description is what `--help` and the documentation say of it. */
const table = z.object({
  KESTRA_API_URL: url.default('http://localhost:8080').describe('where Kestra is, with or without /api/v1'),
  KESTRA_TENANT: z
    .string()
    .regex(/^[a-z0-9][a-z0-9_-]*$/, 'use lower-case letters, digits, - and _')
    .default('main')
    .describe('the tenant'),
  KESTRA_UI_URL: url.optional().describe("Kestra's address in a browser, for links (default: what Kestra says of itself)"),
  KESTRA_API_TOKEN: z
    .string()
    .trim()
    .regex(/^[\x21-\x7e]+$/, 'use the token alone: one word of ASCII characters')
    .optional()
    .describe('an API token of Kestra Enterprise or Cloud (or KESTRA_API_TOKEN_FILE)'),
  KESTRA_USERNAME: z
    .string()
    .regex(/^[^:]+$/, 'may not hold a colon')
    .optional()
    .describe('a user name, where Kestra has no API tokens (open source)'),
  KESTRA_PASSWORD: z.string().min(1).optional().describe('and its password (or KESTRA_PASSWORD_FILE)'),
  KESTRA_VERIFY_SSL: flag.default(true).describe("whether Kestra's certificate must be valid"),
  KESTRA_CA_FILE: z.string().min(1).optional().describe('a PEM file with the certificate authority that signed it'),
  KESTRA_TIMEOUT_SECONDS: seconds(1, 300).default(30).describe('how long an answer of Kestra may take'),
  KESTRA_MCP_TRANSPORT: z
    .enum(['http', 'stdio'], 'use http or stdio')
    .default('http')
    .describe('how clients connect; --stdio is short for stdio'),
  KESTRA_MCP_AUTH: z
    .enum(['oauth', 'external', 'none'], 'use oauth, external or none')
    .default('oauth')
    .describe(
      'who signs people in over http: this server through the identity provider; external = the provider issues the tokens itself; none = nobody, on loopback only',
    ),
  KESTRA_MCP_POLICY: z.string().min(1).optional().describe('a YAML file that says who may do what, beyond the roles in the claims'),
  KESTRA_CREDENTIALS: z
    .enum(['per-user', 'shared'], 'use per-user or shared')
    .optional()
    .describe(
      'whose credential is used at Kestra over http: the one that each user registers, or one of the environment for everybody (default: per-user with KESTRA_MCP_AUTH=oauth, else shared)',
    ),
  KESTRA_MCP_ROLE: z
    .enum(builtInRoles, `use one of ${builtInRoles.join(', ')}`)
    .default('kestra-admin')
    .describe('what the assistant may do over stdio; kestra-viewer for reading only'),
  KESTRA_MCP_TOOLS: list.describe(
    'the tools that clients list: names, subjects (flow, execution, …) or all; the others are found with search_tools',
  ),
  KESTRA_MCP_READ_ONLY: flag.default(false).describe('whether there are only tools that change nothing'),
  KESTRA_MCP_HOST: z.string().min(1).optional().describe('the address to listen on (default: loopback)'),
  KESTRA_MCP_PORT: z.coerce.number({ error: 'use a port number' }).int().min(1).max(65_535).default(8081).describe('and the port'),
  KESTRA_MCP_PUBLIC_URL: z
    .string()
    .optional()
    .describe('the URL by which clients reach this server (default: http://127.0.0.1 and the port)'),
  KESTRA_MCP_TRUST_PROXY: z.coerce
    .number({ error: 'use the number of proxies in front of this server' })
    .int('use a whole number')
    .min(0)
    .max(10)
    .default(0)
    .describe('how many reverse proxies in front of this server may say who is asking (X-Forwarded-For)'),
  KESTRA_MCP_ALLOWED_HOSTS: list.describe(
    "more values of the Host header that count besides the public URL's, as a proxy may send its own",
  ),
  KESTRA_MCP_ALLOWED_ORIGINS: list.describe('origins of web pages that may use /mcp, such as https://inspector.example.com'),
  KESTRA_MCP_REGISTRATION: flag.default(true).describe('whether clients may register themselves'),
  KESTRA_MCP_REDIRECT_SCHEMES: list
    .prefault('cursor')
    .describe('the private-use schemes that clients may be sent back to, besides https and loopback; none = no such scheme'),
  KESTRA_MCP_CLIENTS: z.string().min(1).optional().describe('clients that are set up here, as a JSON array (or KESTRA_MCP_CLIENTS_FILE)'),
  KESTRA_MCP_CIMD: flag.default(true).describe('whether clients may describe themselves by a document at their own URL'),
  KESTRA_MCP_CIMD_HOSTS: list.describe('the hosts to which such documents are limited (*.example.com = all below)'),
  KESTRA_MCP_CIMD_CA_FILE: z.string().min(1).optional().describe('a PEM file with a certificate authority of those hosts'),
  OIDC_ISSUER_URL: url.optional().describe("the identity provider's issuer, exactly as its discovery document says it"),
  OIDC_CLIENT_ID: z.string().min(1).optional().describe('the client id that the identity provider gave this server'),
  OIDC_CLIENT_SECRET: z.string().min(1).optional().describe('and its secret (or OIDC_CLIENT_SECRET_FILE)'),
  OIDC_SCOPES: z.string().min(1).default('openid profile email').describe('what to ask the identity provider for'),
  OIDC_REDIRECT_URI: url.optional().describe("where the identity provider sends people back (default: the public URL's /oauth/callback)"),
  OIDC_PRESET: z
    .enum(['auto', ...presets], `use auto or one of ${presets.join(', ')}`)
    .default('auto')
    .describe('the kind of identity provider; auto tells it by the issuer'),
  OIDC_OFFLINE_ACCESS: flag.default(true).describe('whether to ask for a refresh token, so that roles stay current without a new sign-in'),
  OIDC_AUTHORIZATION_PARAMETERS: z
    .string()
    .default('')
    .describe('more parameters for the authorization request, as in a query string: prompt=select_account'),
  OIDC_ROLES_CLAIM: z.string().min(1).default('roles').describe('the claim with roles: a name, or a path such as realm_access.roles'),
  OIDC_GROUPS_CLAIM: z.string().min(1).default('groups').describe('the claim with groups, likewise'),
  OIDC_USERINFO: flag.default(true).describe('whether to ask the userinfo endpoint for claims that the ID token lacks'),
  OIDC_ACCESS_TOKEN_CLAIMS: flag.default(false).describe("whether roles may also come from the provider's access token, if it is a JWT"),
  OIDC_TENANTS: list.describe('the Entra tenants (ids) whose people may sign in; needed with a multi-tenant issuer'),
  OIDC_HOSTED_DOMAINS: list.describe('the Google Workspace domains whose people may sign in'),
  OIDC_AUDIENCE: z
    .string()
    .min(1)
    .optional()
    .describe('with KESTRA_MCP_AUTH=external: what access tokens for this server name as their audience; not the client id'),
  OIDC_SCOPE_MAP: z
    .string()
    .default('')
    .describe("with KESTRA_MCP_AUTH=external: the provider's scopes in this server's words, as theirs=kestra.read,other=kestra.write"),
  KESTRA_MCP_SCOPES: z
    .enum(['on', 'off'], 'use on or off')
    .default('on')
    .describe('with KESTRA_MCP_AUTH=external: off = the roles alone decide, whatever scopes a token has'),
  OIDC_CA_FILE: z.string().min(1).optional().describe("a PEM file with the certificate authority of the identity provider's certificate"),
  KESTRA_MCP_DEFAULT_SCOPES: z
    .string()
    .default('kestra.read kestra.execute kestra.write')
    .describe('the scopes of a client that asks for none'),
  KESTRA_MCP_ACCESS_TOKEN_SECONDS: seconds(30, 86_400).default(900).describe('how long an access token lives'),
  KESTRA_MCP_REFRESH_IDLE_SECONDS: seconds(60, 31_536_000).default(2_592_000).describe('how long an unused refresh token lives'),
  KESTRA_MCP_REFRESH_MAX_SECONDS: seconds(60, 31_536_000).default(7_776_000).describe('how long a sign-in lasts at most'),
  KESTRA_MCP_REFRESH_REPLAY_SECONDS: seconds(0, 300)
    .default(30)
    .describe('how long a lost answer to a refresh can be asked for again; 0 = never'),
  KESTRA_MCP_CODE_SECONDS: seconds(10, 600).default(60).describe('how long an authorization code lives'),
  KESTRA_MCP_TRANSACTION_SECONDS: seconds(60, 3600).default(600).describe('how long a sign-in may take'),
  KESTRA_MCP_CLAIMS_FRESH_SECONDS: seconds(0, 3600)
    .default(300)
    .describe('how old roles are at least when a refresh asks the identity provider again; 0 = each refresh asks'),
  KESTRA_MCP_CLAIMS_MAX_AGE: seconds(60, 2_592_000)
    .default(28_800)
    .describe('how old roles may get while the identity provider cannot be asked, in seconds'),
  KESTRA_MCP_STORE: z
    .string()
    .min(1)
    .default('data/kestra-mcp.sqlite')
    .describe(
      'where sign-ins and sealed credentials are kept: a file (SQLite, one host), or postgres://user:password@host/database?sslmode=verify-full for several replicas (or KESTRA_MCP_STORE_FILE)',
    ),
  KESTRA_MCP_INSTANCE: z.string().min(1).optional().describe('what stored credentials are bound to (default: KESTRA_API_URL)'),
  ENCRYPTION_KEYS: z
    .string()
    .optional()
    .describe('keys that seal stored secrets, "new:…,old:…"; the first seals (or ENCRYPTION_KEYS_FILE)'),
  ENCRYPTION_KEY: z.string().optional().describe('or only one: 32 bytes in base64, by `kestra-mcp generate-key` (or ENCRYPTION_KEY_FILE)'),
  ...limitSettings,
  ...telemetrySettings,
  KESTRA_MCP_LOG_LEVEL: z
    .enum(['debug', 'info', 'warn', 'error'], 'use debug, info, warn or error')
    .default('info')
    .describe('what goes to stderr'),
});

export type Environment = Readonly<Record<string, string | undefined>>;

/** The settings as they were given or, where they were not, by default. */
export type Settings = z.output<typeof table>;

/** The settings with what they mean and their defaults, for `--help`. */
export const describeSettings = (): { name: string; about: string; default?: string }[] =>
  Object.entries(table.shape).map(([name, schema]) => ({
    name,
    about: schema.description ?? '',
    ...(schema instanceof z.ZodDefault && { default: String(schema.def.defaultValue) }),
  }));

/**
 * What an environment sets.
 * @throws PublicError `misconfigured`, naming each setting that can't be used and what it should be
 */
export const parseSettings = (env: Readonly<Record<string, string>>): Settings => {
  const parsed = table.safeParse(env);
  if (parsed.success) return parsed.data;
  throw new PublicError('misconfigured', parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`).join('\n'));
};

/** What was set under a name of ours that is none of ours, with the nearest name that is. */
export const unknownSettings = (env: Readonly<Record<string, string>>): string[] => {
  const known = [...Object.keys(table.shape), ...secretSettings.map((name) => `${name}_FILE`)];
  return Object.keys(env)
    .filter((name) => /^(KESTRA_MCP_|OIDC_)/.test(name) && !known.includes(name))
    .map((name) => `${name} is not a setting of kestra-mcp; the nearest is ${nearest(name, known)}`);
};

/** An empty variable is one that isn't set: compose files and CI systems pass those. */
export const given = (environment: Environment): Record<string, string> =>
  Object.fromEntries(Object.entries(environment).filter((entry): entry is [string, string] => entry[1] !== undefined && entry[1] !== ''));

/** The file beneath the environment. Node 20 itself loads a file that is named after --env-file, so that what is the same may be of the file. */
export const beneath = (environment: Record<string, string>, file: Record<string, string>): Record<string, string> => {
  const own = Object.fromEntries(Object.entries(environment).filter(([name, value]) => file[name] !== value));
  const rest = Object.fromEntries(Object.entries(file).filter(([name]) => !own[`${name}_FILE`] && !own[name.replace(/_FILE$/, '')]));
  return { ...rest, ...own };
};

/** With the contents of the files that *_FILE names. @throws PublicError `misconfigured` */
export const withSecretFiles = (env: Record<string, string>): Record<string, string> => {
  const files = secretSettings.flatMap((name) => {
    const file = env[`${name}_FILE`];
    if (!file) return [];
    if (env[name]) throw new PublicError('misconfigured', `${name} and ${name}_FILE are both set: keep one`);
    return [[name, readSetting(file, `${name}_FILE`).trim()]];
  });
  return { ...env, ...Object.fromEntries(files) };
};

/** The text of a file that a setting names. @throws PublicError `misconfigured` */
export const readSetting = (file: string, setting: string): string => {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new PublicError('misconfigured', `${setting}: the file can't be read (${(error as NodeJS.ErrnoException).code})`, error);
  }
};
