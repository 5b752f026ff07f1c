import { X509Certificate } from 'node:crypto';
import { parseEnv } from 'node:util';
import type { BuiltInRole } from './access/permission.ts';
import { PublicError } from './errors.ts';
import { isLoopbackHost, parsePublicUrl } from './public-url.ts';
import {
  beneath,
  type Environment,
  given,
  type Preset,
  parseSettings,
  readSetting,
  type Settings,
  unknownSettings,
  withSecretFiles,
} from './settings.ts';
import { type Limits, limitsOf } from './settings-limits.ts';
import { secretsIn } from './settings-secrets.ts';
import { type TelemetryConfig, telemetryOf } from './settings-telemetry.ts';

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
  /** When Kestra counts as down; the defaults of the breaker for what is left out. */
  readonly breaker?: { readonly failures?: number; readonly openMs?: number };
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
  /** How long an operation may take, whatever it asks; 5 s if left out. */
  readonly timeoutMs?: number;
  readonly accessTokenClaims: boolean;
  /** Lower case; empty = any, where the issuer is of one tenant. */
  readonly tenants: readonly string[];
  /** Lower case; empty = any. */
  readonly hostedDomains: readonly string[];
  /** The certificate authority, PEM. */
  readonly ca?: string;
}

/** How access tokens of the identity provider itself are judged. */
export interface ExternalConfig {
  readonly audience: string;
  /** Whether the token's scopes count. */
  readonly scopes: boolean;
  /** The provider's scopes → ours. */
  readonly scopeMap: Readonly<Record<string, string>>;
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
  /** Claims younger than this are not asked for again. */
  readonly claimsFreshMs: number;
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
  /** Whose credential is used at Kestra over http. */
  readonly credentials: 'per-user' | 'shared';
  readonly role: BuiltInRole;
  readonly limits: Limits;
  readonly telemetry: TelemetryConfig;
  /** Who signs people in over http. */
  readonly auth: 'oauth' | 'external' | 'none';
  readonly external?: ExternalConfig;
  /** The policy file. */
  readonly policy?: string;
  readonly http: HttpConfig;
  /** Absent when no issuer is set. */
  readonly oidc?: OidcConfig;
  readonly lifetimes: Lifetimes;
  readonly store: StoreConfig;
  /** As KESTRA_MCP_DEFAULT_SCOPES says them. */
  readonly defaultScopes: string;
  /** Which tools are listed, by name or subject, and whether any may change something. */
  readonly tools: { readonly direct: readonly string[]; readonly readOnly: boolean };
  /** What must never be read in a log. */
  readonly secrets: readonly string[];
  /** What an administrator should know about these settings, though they can be used. */
  readonly warnings: readonly string[];
}

/**
 * Reads the environment, beneath it the file named by `--env-file`.
 * @throws PublicError `misconfigured`, naming each setting that can't be used and what it should be
 */
export const readConfig = (environment: Environment, envFile?: string): Config => {
  const file = envFile ? given(parseEnv(readSetting(envFile, '--env-file'))) : {};
  const env = withSecretFiles(beneath(given(environment), file));
  const s = parseSettings(env);
  return Object.freeze({
    transport: s.KESTRA_MCP_TRANSPORT,
    logLevel: s.KESTRA_MCP_LOG_LEVEL,
    secrets: secretsIn(env),
    kestra: Object.freeze({
      url: s.KESTRA_API_URL.replace(/\/+$/, '').replace(/\/api\/v1$/, ''),
      tenant: s.KESTRA_TENANT,
      uiUrl: s.KESTRA_UI_URL?.replace(/\/+$/, ''),
      verifyTls: s.KESTRA_VERIFY_SSL,
      ca: s.KESTRA_CA_FILE && certificate(readSetting(s.KESTRA_CA_FILE, 'KESTRA_CA_FILE')),
      timeoutMs: s.KESTRA_TIMEOUT_SECONDS * 1000,
      connectTimeoutMs: s.KESTRA_CONNECT_SECONDS * 1000,
      breaker: { failures: s.KESTRA_BREAKER_FAILURES, openMs: s.KESTRA_BREAKER_SECONDS * 1000 },
    }),
    credential: credential(s),
    credentials: credentialsOf(s),
    auth: s.KESTRA_MCP_AUTH,
    external: external(s),
    policy: s.KESTRA_MCP_POLICY,
    role: s.KESTRA_MCP_ROLE,
    limits: limitsOf(s),
    telemetry: telemetryOf(s),
    http: http(s, env),
    oidc: oidc(s),
    lifetimes: Object.freeze({
      signInMs: s.KESTRA_MCP_TRANSACTION_SECONDS * 1000,
      codeMs: s.KESTRA_MCP_CODE_SECONDS * 1000,
      accessMs: s.KESTRA_MCP_ACCESS_TOKEN_SECONDS * 1000,
      refreshIdleMs: s.KESTRA_MCP_REFRESH_IDLE_SECONDS * 1000,
      grantMs: s.KESTRA_MCP_REFRESH_MAX_SECONDS * 1000,
      replayMs: s.KESTRA_MCP_REFRESH_REPLAY_SECONDS * 1000,
      claimsFreshMs: s.KESTRA_MCP_CLAIMS_FRESH_SECONDS * 1000,
      claimsMaxAgeMs: s.KESTRA_MCP_CLAIMS_MAX_AGE * 1000,
    }),
    store: {
      location: s.KESTRA_MCP_STORE,
      instance: s.KESTRA_MCP_INSTANCE ?? s.KESTRA_API_URL.replace(/\/+$/, '').replace(/\/api\/v1$/, ''),
      keys: { ENCRYPTION_KEYS: s.ENCRYPTION_KEYS, ENCRYPTION_KEY: s.ENCRYPTION_KEY },
    },
    defaultScopes: s.KESTRA_MCP_DEFAULT_SCOPES,
    tools: Object.freeze({ direct: s.KESTRA_MCP_TOOLS, readOnly: s.KESTRA_MCP_READ_ONLY }),
    warnings: warnings(env, s),
  });
};

/** Node ignores what is no certificate, and would then trust what is public. */
const certificate = (pem: string): string => {
  try {
    new X509Certificate(pem);
    return pem;
  } catch (error) {
    throw new PublicError('misconfigured', 'KESTRA_CA_FILE: use a file of certificates in PEM', error);
  }
};

const credential = (s: Settings): KestraCredential | undefined => {
  if (s.KESTRA_API_TOKEN) return { kind: 'token', token: s.KESTRA_API_TOKEN };
  if (s.KESTRA_USERNAME && s.KESTRA_PASSWORD) return { kind: 'password', username: s.KESTRA_USERNAME, password: s.KESTRA_PASSWORD };
  if (s.KESTRA_USERNAME || s.KESTRA_PASSWORD) throw new PublicError('misconfigured', 'set KESTRA_USERNAME and KESTRA_PASSWORD together');
  return undefined;
};

const credentialsOf = (s: Settings): Config['credentials'] =>
  s.KESTRA_CREDENTIALS ?? (s.KESTRA_MCP_AUTH === 'oauth' ? 'per-user' : 'shared');

const external = (s: Settings): ExternalConfig | undefined => {
  if (s.KESTRA_MCP_TRANSPORT !== 'http' || s.KESTRA_MCP_AUTH !== 'external') return undefined;
  if (!s.OIDC_ISSUER_URL) throw new PublicError('misconfigured', 'KESTRA_MCP_AUTH=external: OIDC_ISSUER_URL is missing');
  if (!s.OIDC_AUDIENCE)
    throw new PublicError(
      'misconfigured',
      'KESTRA_MCP_AUTH=external: OIDC_AUDIENCE is missing; it is what tokens for this server name as their audience',
    );
  if (s.OIDC_AUDIENCE === s.OIDC_CLIENT_ID) {
    throw new PublicError(
      'misconfigured',
      'OIDC_AUDIENCE must not be the client id: ID tokens have that audience, and they are no access tokens',
    );
  }
  const pairs = s.OIDC_SCOPE_MAP.split(/[\s,]+/).filter((pair) => pair !== '');
  const wrong = pairs.find((pair) => !/^[^=]+=kestra\.(read|execute|write)$/.test(pair));
  if (wrong)
    throw new PublicError('misconfigured', `OIDC_SCOPE_MAP: ${wrong} should be like theirs=kestra.read (or kestra.execute, kestra.write)`);
  return {
    audience: s.OIDC_AUDIENCE,
    scopes: s.KESTRA_MCP_SCOPES === 'on',
    scopeMap: Object.fromEntries(pairs.map((pair) => pair.split('='))),
  };
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
      ca: s.KESTRA_MCP_CIMD_CA_FILE && readSetting(s.KESTRA_MCP_CIMD_CA_FILE, 'KESTRA_MCP_CIMD_CA_FILE'),
    },
  });
};

const oidc = (s: Settings): OidcConfig | undefined => {
  if (!s.OIDC_ISSUER_URL) return undefined;
  const clientId = s.OIDC_CLIENT_ID ?? (s.KESTRA_MCP_AUTH === 'external' ? s.OIDC_AUDIENCE : undefined);
  if (!clientId) throw new PublicError('misconfigured', 'OIDC_ISSUER_URL is set, OIDC_CLIENT_ID is missing');
  return Object.freeze({
    issuer: s.OIDC_ISSUER_URL,
    clientId,
    clientSecret: s.OIDC_CLIENT_SECRET,
    scopes: s.OIDC_SCOPES.split(/\s+/).filter((scope) => scope !== ''),
    redirectUri: s.OIDC_REDIRECT_URI,
    preset: s.OIDC_PRESET,
    offlineAccess: s.OIDC_OFFLINE_ACCESS,
    authorizationParameters: Object.fromEntries(new URLSearchParams(s.OIDC_AUTHORIZATION_PARAMETERS)),
    rolesClaim: s.OIDC_ROLES_CLAIM,
    groupsClaim: s.OIDC_GROUPS_CLAIM,
    userinfo: s.OIDC_USERINFO,
    timeoutMs: s.OIDC_TIMEOUT_SECONDS * 1000,
    accessTokenClaims: s.OIDC_ACCESS_TOKEN_CLAIMS,
    tenants: s.OIDC_TENANTS,
    hostedDomains: s.OIDC_HOSTED_DOMAINS,
    ca: s.OIDC_CA_FILE && readSetting(s.OIDC_CA_FILE, 'OIDC_CA_FILE'),
  });
};

const warnings = (env: Record<string, string>, s: Settings): string[] => {
  const found = unknownSettings(env);
  if (!s.KESTRA_VERIFY_SSL)
    found.push('KESTRA_VERIFY_SSL is off: anybody between here and Kestra can read the credential; prefer KESTRA_CA_FILE');
  if (s.KESTRA_MCP_CIMD && (env.HTTPS_PROXY ?? env.https_proxy) && s.KESTRA_MCP_CIMD_HOSTS.length === 0)
    found.push(
      'HTTPS_PROXY hides which addresses are reached, so client metadata documents are off: name their hosts in KESTRA_MCP_CIMD_HOSTS',
    );
  if (s.KESTRA_MCP_HOST && !s.KESTRA_MCP_PUBLIC_URL && !isLoopbackHost(s.KESTRA_MCP_HOST))
    found.push('KESTRA_MCP_PUBLIC_URL is not set: only this machine itself can use the server, whatever KESTRA_MCP_HOST says');
  if (s.KESTRA_MCP_TRANSPORT === 'http' && credentialsOf(s) === 'per-user' && (s.KESTRA_API_TOKEN || s.KESTRA_USERNAME))
    found.push(
      'The Kestra credential of the environment is not used over http: each user registers an own one (or set KESTRA_CREDENTIALS=shared)',
    );
  if (s.KESTRA_MCP_TRANSPORT === 'http' && s.KESTRA_MCP_AUTH !== 'none' && credentialsOf(s) === 'shared')
    found.push(
      'One Kestra credential serves everybody (KESTRA_CREDENTIALS=shared): all act in Kestra as one, so the roles and the audit of this server are the only boundary',
    );
  if (s.KESTRA_API_TOKEN && s.KESTRA_USERNAME) found.push('KESTRA_API_TOKEN is used, KESTRA_USERNAME is not');
  return found;
};
