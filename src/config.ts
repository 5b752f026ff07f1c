import { readFileSync } from 'node:fs';
import { parseEnv } from 'node:util';
import { z } from 'zod';
import { builtInRoles } from './access/permission.ts';
import { PublicError } from './errors.ts';

const flag = z
  .enum(['true', 'false', '1', '0', 'yes', 'no'], 'use true or false')
  .transform((word) => word === 'true' || word === '1' || word === 'yes');
const url = z.url({ protocol: /^https?$/, error: 'use a URL that begins with http:// or https://' });
const seconds = (least: number, most: number) =>
  z.coerce.number({ error: 'use a number of seconds' }).min(least, `use at least ${least}`).max(most, `use at most ${most}`);

const whole = (least: number, most: number) =>
  z.coerce
    .number({ error: 'use a whole number' })
    .int('use a whole number')
    .min(least, `use at least ${least}`)
    .max(most, `use at most ${most}`);

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
  KESTRA_MCP_TOOLS: z
    .string()
    .default('')
    .transform((text) =>
      text
        .toLowerCase()
        .split(/[\s,]+/)
        .filter((word) => word !== ''),
    )
    .describe('the tools that clients list: names, subjects (flow, execution, …) or all; the others are found with search_tools'),
  KESTRA_MCP_READ_ONLY: flag.default(false).describe('whether there are only tools that change nothing'),
  KESTRA_MCP_CONCURRENT_CALLS: whole(1, 1000).default(20).describe('calls of one user at the same time'),
  KESTRA_MCP_CALLS_PER_MINUTE: whole(1, 1_000_000).default(1200).describe('calls of one user in a minute'),
  KESTRA_MCP_ANSWER_CHARACTERS: whole(2000, 1_000_000).default(25_000).describe('the longest answer; what is cut is said'),
  KESTRA_MCP_LOG_LEVEL: z
    .enum(['debug', 'info', 'warn', 'error'], 'use debug, info, warn or error')
    .default('info')
    .describe('what goes to stderr'),
});

const secrets = ['KESTRA_API_TOKEN', 'KESTRA_PASSWORD'] as const;

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
  /** 3 s if left out. */
  readonly connectTimeoutMs?: number;
}

/** Everything that may be set, read once at the start; nothing else reads the environment. */
export interface Config {
  readonly transport: 'http' | 'stdio';
  readonly logLevel: 'debug' | 'info' | 'warn' | 'error';
  readonly kestra: KestraConfig;
  /** The credential of the environment: the caller's own over stdio. */
  readonly credential?: KestraCredential;
  readonly role: (typeof builtInRoles)[number];
  readonly limits: { readonly concurrent: number; readonly perMinute: number; readonly answer: number };
  /** Which tools are listed, by name or subject, and whether any may change something. */
  readonly tools: { readonly direct: readonly string[]; readonly readOnly: boolean };
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
    limits: Object.freeze({
      concurrent: s.KESTRA_MCP_CONCURRENT_CALLS,
      perMinute: s.KESTRA_MCP_CALLS_PER_MINUTE,
      answer: s.KESTRA_MCP_ANSWER_CHARACTERS,
    }),
    tools: Object.freeze({ direct: s.KESTRA_MCP_TOOLS, readOnly: s.KESTRA_MCP_READ_ONLY }),
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

const warnings = (env: Record<string, string>, s: Settings): string[] => {
  const found: string[] = [];
  const known = [...Object.keys(settings.shape), ...secrets.map((name) => `${name}_FILE`)];
  for (const name of Object.keys(env)) {
    if (!/^(KESTRA_MCP_|OIDC_)/.test(name) || known.includes(name)) continue;
    found.push(`${name} is not a setting of kestra-mcp; the nearest is ${nearest(name, known)}`);
  }
  if (!s.KESTRA_VERIFY_SSL)
    found.push('KESTRA_VERIFY_SSL is off: anybody between here and Kestra can read the credential; prefer KESTRA_CA_FILE');
  if (s.KESTRA_API_TOKEN && s.KESTRA_USERNAME) found.push('KESTRA_API_TOKEN is used, KESTRA_USERNAME is not');
  return found;
};

const nearest = (name: string, known: readonly string[]): string =>
  known.reduce((best, candidate) => (distance(name, candidate) < distance(name, best) ? candidate : best));

/** Levenshtein's. */
const distance = (a: string, b: string): number => {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (const [i, x] of [...a].entries()) {
    const next = [i + 1];
    for (const [j, y] of [...b].entries()) {
      next.push(Math.min((row[j + 1] ?? 0) + 1, (next[j] ?? 0) + 1, (row[j] ?? 0) + (x === y ? 0 : 1)));
    }
    row = next;
  }
  return row[b.length] ?? 0;
};
