import { readFileSync } from 'node:fs';
import { parseEnv } from 'node:util';
import { z } from 'zod';
import { builtInRoles } from './access/permission.ts';
import { PublicError } from './errors.ts';
import { nearest } from './nearest.ts';
import { isLoopbackHost, parsePublicUrl } from './public-url.ts';

const flag = z
  .enum(['true', 'false', '1', '0', 'yes', 'no'], 'use true or false')
  .transform((word) => word === 'true' || word === '1' || word === 'yes');
const url = z.url({ protocol: /^https?$/, error: 'use a URL that begins with http:// or https://' });
const seconds = (least: number, most: number) =>
  z.coerce.number({ error: 'use a number of seconds' }).min(least, `use at least ${least}`).max(most, `use at most ${most}`);

const list = z
  .string()
  .default('')
  .transform((text) =>
    text
      .split(/[\s,]+/)
      .filter((word) => word !== '')
      .map((word) => word.toLowerCase()),
  );

const presets = ['entra', 'google', 'okta', 'auth0', 'keycloak', 'other'] as const;
/** The kinds of identity provider whose habits are known; `other` is any conforming one. */
export type Preset = (typeof presets)[number];

/** Every setting by its name in the environment. The description is what `--help` and the documentation say of it. */
const settings = z.object({
  KESTRA_API_URL: url.default('http://localhost:8080').describe('where Kestra is, with or without /api/v1'),
  KESTRA_TENANT: z
    .string()
    .regex(/^[a-z0-9][a-z0-9_-]*$/, 'use lower-case letters, digits, - and _')
    .default('main')
    .describe('the tenant'),
  KESTRA_UI_URL: url.optional().describe("Kestra's address in a browser, for links (default: what Kestra says of itself)"),
  KESTRA_API_TOKEN: z.string().min(1).optional().describe('an API token of Kestra Enterprise or Cloud (or KESTRA_API_TOKEN_FILE)'),
  KESTRA_USERNAME: z.string().min(1).optional().describe('a user name, where Kestra has no API tokens (open source)'),
  KESTRA_PASSWORD: z.string().min(1).optional().describe('and its password (or KESTRA_PASSWORD_FILE)'),
  KESTRA_VERIFY_SSL: flag.default(true).describe("whether Kestra's certificate must be valid"),
  KESTRA_CA_FILE: z.string().min(1).optional().describe('a PEM file with the certificate authority that signed it'),
  KESTRA_TIMEOUT_SECONDS: seconds(1, 300).default(30).describe('how long an answer of Kestra may take'),
  KESTRA_MCP_TRANSPORT: z.enum(['http', 'stdio'], 'use http or stdio').default('stdio').describe('how clients connect'),
  KESTRA_MCP_ROLE: z
    .enum(builtInRoles, `use one of ${builtInRoles.join(', ')}`)
    .default('kestra-admin')
    .describe('what the assistant may do over stdio; kestra-viewer for reading only'),
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
  KESTRA_MCP_CLAIMS_MAX_AGE: seconds(60, 2_592_000)
    .default(28_800)
    .describe('how old roles may get while the identity provider cannot be asked, in seconds'),
  KESTRA_MCP_STORE: z.string().min(1).default('data/kestra-mcp.sqlite').describe('the file that holds sign-ins and sealed credentials'),
  KESTRA_MCP_INSTANCE: z.string().min(1).optional().describe('what stored credentials are bound to (default: KESTRA_API_URL)'),
  ENCRYPTION_KEYS: z
    .string()
    .optional()
    .describe('keys that seal stored secrets, "new:…,old:…"; the first seals (or ENCRYPTION_KEYS_FILE)'),
  ENCRYPTION_KEY: z.string().optional().describe('or only one: 32 bytes in base64, by `kestra-mcp generate-key` (or ENCRYPTION_KEY_FILE)'),
  KESTRA_MCP_LOG_LEVEL: z
    .enum(['debug', 'info', 'warn', 'error'], 'use debug, info, warn or error')
    .default('info')
    .describe('what goes to stderr'),
});

const secrets = [
  'KESTRA_API_TOKEN',
  'KESTRA_PASSWORD',
  'OIDC_CLIENT_SECRET',
  'KESTRA_MCP_CLIENTS',
  'ENCRYPTION_KEYS',
  'ENCRYPTION_KEY',
] as const;

/** How a request authenticates at Kestra. */
export type KestraCredential =
  | { readonly kind: 'token'; readonly token: string }
  | { readonly kind: 'password'; readonly username: string; readonly password: string };

export interface KestraConfig {
  /** Without a path's trailing slash and without /api/v1. */
  readonly url: string;
  readonly tenant: string;
  readonly uiUrl?: string;
  readonly verifyTls: boolean;
  /** The certificate authority, PEM. */
  readonly ca?: string;
  readonly timeoutMs: number;
}

/** The identity provider and what is taken from it. */
export interface OidcConfig {
  readonly issuer: string;
  readonly clientId: string;
  readonly clientSecret?: string;
  readonly scopes: readonly string[];
  /** Absent: /oauth/callback of the public URL. */
  readonly redirectUri?: string;
  readonly preset: Preset | 'auto';
  readonly offlineAccess: boolean;
  readonly authorizationParameters: Readonly<Record<string, string>>;
  readonly rolesClaim: string;
  readonly groupsClaim: string;
  readonly userinfo: boolean;
  readonly accessTokenClaims: boolean;
  /** Lower case; empty = any, where the issuer is of one tenant. */
  readonly tenants: readonly string[];
  /** Lower case; empty = any. */
  readonly hostedDomains: readonly string[];
  /** The certificate authority, PEM. */
  readonly ca?: string;
}

/** How this server is reached, and by which clients. */
export interface HttpConfig {
  readonly host: string;
  readonly port: number;
  /** Without a trailing slash: the issuer too. */
  readonly publicUrl: string;
  /** Reverse proxies in front that are believed. */
  readonly trustedHops: number;
  readonly allowedHosts: readonly string[];
  readonly allowedOrigins: readonly string[];
  readonly registration: boolean;
  readonly redirectSchemes: readonly string[];
  /** JSON, with secrets. */
  readonly clients?: string;
  readonly metadataDocuments: MetadataDocumentConfig;
}

export interface MetadataDocumentConfig {
  readonly on: boolean;
  /** Empty = any public host. */
  readonly hosts: readonly string[];
  /** HTTPS_PROXY: then the proxy alone decides which addresses are reached, so documents need `hosts`. */
  readonly proxy?: string;
  /** The certificate authority, PEM. */
  readonly ca?: string;
}

/** Where sign-ins and credentials are kept. */
export interface StoreConfig {
  readonly location: string;
  /** What a credential is bound to. */
  readonly instance: string;
  /** For `parseKeyring`; stdio needs none. */
  readonly keys: { readonly ENCRYPTION_KEYS?: string; readonly ENCRYPTION_KEY?: string };
}

/** How long things last that the authorization server issues. */
export interface Lifetimes {
  readonly signInMs: number;
  readonly codeMs: number;
  readonly accessMs: number;
  readonly refreshIdleMs: number;
  /** From the approval to the end, whatever is refreshed. */
  readonly grantMs: number;
  /** 0 = a refresh can't be asked for again. */
  readonly replayMs: number;
  /** How old roles may get while the identity provider can't be asked. */
  readonly claimsMaxAgeMs: number;
}

/** Everything that may be set, read once at the start; nothing else reads the environment. */
export interface Config {
  readonly transport: 'http' | 'stdio';
  readonly logLevel: 'debug' | 'info' | 'warn' | 'error';
  readonly kestra: KestraConfig;
  /** The credential of the environment: the caller's own over stdio. */
  readonly credential?: KestraCredential;
  readonly role: (typeof builtInRoles)[number];
  readonly http: HttpConfig;
  /** Absent when no issuer is set. */
  readonly oidc?: OidcConfig;
  readonly lifetimes: Lifetimes;
  readonly store: StoreConfig;
  /** As KESTRA_MCP_DEFAULT_SCOPES says them. */
  readonly defaultScopes: string;
  /** What an administrator should know about these settings, though they can be used. */
  readonly warnings: readonly string[];
}

export type Environment = Readonly<Record<string, string | undefined>>;

/** The settings with what they mean and their defaults, for `--help`. */
export const describeSettings = (): { name: string; about: string; default?: string }[] =>
  Object.entries(settings.shape).map(([name, schema]) => ({
    name,
    about: schema.description ?? '',
    ...(schema instanceof z.ZodDefault && { default: String(schema.def.defaultValue) }),
  }));

/**
 * Reads the environment, beneath it the file named by `--env-file`.
 * @throws PublicError `misconfigured`, naming each setting that can't be used and what it should be
 */
export const readConfig = (environment: Environment, envFile?: string): Config => {
  const file = envFile ? given(parseEnv(read(envFile, '--env-file'))) : {};
  const env = withSecretFiles({ ...file, ...given(environment) });
  const parsed = settings.safeParse(env);
  if (!parsed.success) {
    throw new PublicError('misconfigured', parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`).join('\n'));
  }
  const s = parsed.data;
  return Object.freeze({
    transport: s.KESTRA_MCP_TRANSPORT,
    logLevel: s.KESTRA_MCP_LOG_LEVEL,
    kestra: Object.freeze({
      url: s.KESTRA_API_URL.replace(/\/+$/, '').replace(/\/api\/v1$/, ''),
      tenant: s.KESTRA_TENANT,
      uiUrl: s.KESTRA_UI_URL?.replace(/\/+$/, ''),
      verifyTls: s.KESTRA_VERIFY_SSL,
      ca: s.KESTRA_CA_FILE && read(s.KESTRA_CA_FILE, 'KESTRA_CA_FILE'),
      timeoutMs: s.KESTRA_TIMEOUT_SECONDS * 1000,
    }),
    credential: credential(s),
    role: s.KESTRA_MCP_ROLE,
    http: http(s, env),
    oidc: oidc(s),
    lifetimes: Object.freeze({
      signInMs: s.KESTRA_MCP_TRANSACTION_SECONDS * 1000,
      codeMs: s.KESTRA_MCP_CODE_SECONDS * 1000,
      accessMs: s.KESTRA_MCP_ACCESS_TOKEN_SECONDS * 1000,
      refreshIdleMs: s.KESTRA_MCP_REFRESH_IDLE_SECONDS * 1000,
      grantMs: s.KESTRA_MCP_REFRESH_MAX_SECONDS * 1000,
      replayMs: s.KESTRA_MCP_REFRESH_REPLAY_SECONDS * 1000,
      claimsMaxAgeMs: s.KESTRA_MCP_CLAIMS_MAX_AGE * 1000,
    }),
    store: {
      location: s.KESTRA_MCP_STORE,
      instance: s.KESTRA_MCP_INSTANCE ?? s.KESTRA_API_URL.replace(/\/+$/, '').replace(/\/api\/v1$/, ''),
      keys: { ENCRYPTION_KEYS: s.ENCRYPTION_KEYS, ENCRYPTION_KEY: s.ENCRYPTION_KEY },
    },
    defaultScopes: s.KESTRA_MCP_DEFAULT_SCOPES,
    warnings: warnings(env, s),
  });
};

type Settings = z.output<typeof settings>;

/** An empty variable is one that isn't set: compose files and CI systems pass those. */
const given = (environment: Environment): Record<string, string> =>
  Object.fromEntries(Object.entries(environment).filter((entry): entry is [string, string] => entry[1] !== undefined && entry[1] !== ''));

const withSecretFiles = (env: Record<string, string>): Record<string, string> => {
  const files = secrets.flatMap((name) => {
    const file = env[`${name}_FILE`];
    if (!file) return [];
    if (env[name]) throw new PublicError('misconfigured', `${name} and ${name}_FILE are both set: keep one`);
    return [[name, read(file, `${name}_FILE`).trim()]];
  });
  return { ...env, ...Object.fromEntries(files) };
};

const read = (file: string, setting: string): string => {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new PublicError('misconfigured', `${setting}: the file can't be read (${(error as NodeJS.ErrnoException).code})`, error);
  }
};

const credential = (s: Settings): KestraCredential | undefined => {
  if (s.KESTRA_API_TOKEN) return { kind: 'token', token: s.KESTRA_API_TOKEN };
  if (s.KESTRA_USERNAME && s.KESTRA_PASSWORD) return { kind: 'password', username: s.KESTRA_USERNAME, password: s.KESTRA_PASSWORD };
  if (s.KESTRA_USERNAME || s.KESTRA_PASSWORD) throw new PublicError('misconfigured', 'set KESTRA_USERNAME and KESTRA_PASSWORD together');
  return undefined;
};

const http = (s: Settings, env: Record<string, string>): HttpConfig => {
  const publicUrl = parsePublicUrl(s.KESTRA_MCP_PUBLIC_URL ?? `http://127.0.0.1:${s.KESTRA_MCP_PORT}`);
  const { hostname } = new URL(publicUrl);
  const proxy = env.HTTPS_PROXY ?? env.https_proxy;
  const hosts = s.KESTRA_MCP_CIMD_HOSTS;
  return Object.freeze({
    host: s.KESTRA_MCP_HOST ?? (isLoopbackHost(hostname) ? hostname.replace(/[[\]]/g, '') : '127.0.0.1'),
    port: s.KESTRA_MCP_PORT,
    publicUrl,
    trustedHops: s.KESTRA_MCP_TRUST_PROXY,
    allowedHosts: s.KESTRA_MCP_ALLOWED_HOSTS,
    allowedOrigins: s.KESTRA_MCP_ALLOWED_ORIGINS,
    registration: s.KESTRA_MCP_REGISTRATION,
    redirectSchemes: s.KESTRA_MCP_REDIRECT_SCHEMES.filter((scheme) => scheme !== 'none'),
    clients: s.KESTRA_MCP_CLIENTS,
    metadataDocuments: {
      on: s.KESTRA_MCP_CIMD && (proxy === undefined || hosts.length > 0),
      hosts,
      proxy,
      ca: s.KESTRA_MCP_CIMD_CA_FILE && read(s.KESTRA_MCP_CIMD_CA_FILE, 'KESTRA_MCP_CIMD_CA_FILE'),
    },
  });
};

const oidc = (s: Settings): OidcConfig | undefined => {
  if (!s.OIDC_ISSUER_URL) return undefined;
  if (!s.OIDC_CLIENT_ID) throw new PublicError('misconfigured', 'OIDC_ISSUER_URL is set, OIDC_CLIENT_ID is missing');
  return Object.freeze({
    issuer: s.OIDC_ISSUER_URL,
    clientId: s.OIDC_CLIENT_ID,
    clientSecret: s.OIDC_CLIENT_SECRET,
    scopes: s.OIDC_SCOPES.split(/\s+/).filter((scope) => scope !== ''),
    redirectUri: s.OIDC_REDIRECT_URI,
    preset: s.OIDC_PRESET,
    offlineAccess: s.OIDC_OFFLINE_ACCESS,
    authorizationParameters: Object.fromEntries(new URLSearchParams(s.OIDC_AUTHORIZATION_PARAMETERS)),
    rolesClaim: s.OIDC_ROLES_CLAIM,
    groupsClaim: s.OIDC_GROUPS_CLAIM,
    userinfo: s.OIDC_USERINFO,
    accessTokenClaims: s.OIDC_ACCESS_TOKEN_CLAIMS,
    tenants: s.OIDC_TENANTS,
    hostedDomains: s.OIDC_HOSTED_DOMAINS,
    ca: s.OIDC_CA_FILE && read(s.OIDC_CA_FILE, 'OIDC_CA_FILE'),
  });
};

const warnings = (env: Record<string, string>, s: Settings): string[] => {
  const found: string[] = [];
  const known = [...Object.keys(settings.shape), ...secrets.map((name) => `${name}_FILE`)];
  for (const name of Object.keys(env)) {
    if (!/^(KESTRA_MCP_|OIDC_)/.test(name) || known.includes(name)) continue;
    found.push(`${name} is not a setting of kestra-mcp; the nearest is ${nearest(name, known)}`);
  }
  if (!s.KESTRA_VERIFY_SSL)
    found.push('KESTRA_VERIFY_SSL is off: anybody between here and Kestra can read the credential; prefer KESTRA_CA_FILE');
  if (s.KESTRA_MCP_CIMD && (env.HTTPS_PROXY ?? env.https_proxy) && s.KESTRA_MCP_CIMD_HOSTS.length === 0)
    found.push(
      'HTTPS_PROXY hides which addresses are reached, so client metadata documents are off: name their hosts in KESTRA_MCP_CIMD_HOSTS',
    );
  if (s.KESTRA_MCP_HOST && !s.KESTRA_MCP_PUBLIC_URL && !isLoopbackHost(s.KESTRA_MCP_HOST))
    found.push('KESTRA_MCP_PUBLIC_URL is not set: only this machine itself can use the server, whatever KESTRA_MCP_HOST says');
  if (s.KESTRA_API_TOKEN && s.KESTRA_USERNAME) found.push('KESTRA_API_TOKEN is used, KESTRA_USERNAME is not');
  return found;
};
