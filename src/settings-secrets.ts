import { decoded } from './setting-kinds.ts';

/** The parts of a setting's text that nobody may read: all of it, or what stands in it. */
type Parts = (text: string) => readonly string[];

const whole: Parts = (text) => [text.trim()];
/** Of `name:value,…` or `name=value,…`. */
const valuesAfter =
  (sign: string): Parts =>
  (text) =>
    text.split(',').flatMap((pair) => {
      const value = pair.slice(pair.indexOf(sign) + 1).trim();
      return [value, decoded(value)];
    });
const clientSecrets: Parts = (text) => [...text.matchAll(/"client_secret"\s*:\s*"([^"]+)"/g)].map(([, secret = '']) => secret);
/** As it is written there, and as it is meant. */
const passwordInUrl: Parts = (text) => {
  const { password } = URL.canParse(text) ? new URL(text) : { password: '' };
  return [password, decoded(password)];
};

/** The settings that hold a secret. Each may also come from a file, by its name with _FILE. */
const table = {
  KESTRA_API_TOKEN: whole,
  KESTRA_PASSWORD: whole,
  OIDC_CLIENT_SECRET: whole,
  KESTRA_MCP_CLIENTS: clientSecrets,
  KESTRA_MCP_STORE: passwordInUrl,
  ENCRYPTION_KEYS: valuesAfter(':'),
  ENCRYPTION_KEY: whole,
  OTEL_EXPORTER_OTLP_HEADERS: valuesAfter('='),
} as const satisfies Readonly<Record<string, Parts>>;

/** Other programs' variables that count here too. */
const others: Readonly<Record<string, Parts>> = {
  PGPASSWORD: whole,
  ...Object.fromEntries(['HTTPS_PROXY', 'HTTP_PROXY', 'https_proxy', 'http_proxy'].map((name) => [name, passwordInUrl])),
};

export const secretSettings: readonly string[] = Object.keys(table);

/** What must never be read in a log of a program with this environment. */
export const secretsIn = (env: Readonly<Record<string, string>>): string[] =>
  Object.entries({ ...table, ...others }).flatMap(([name, parts]) => parts(env[name] ?? ''));
