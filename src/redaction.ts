/** What is a secret by its looks, with what stays of it. */
const looks: readonly (readonly [RegExp, string])[] = [
  [/\b(kmcp_[a-z]+_)[\w-]{16,}/g, '$1…'],
  [/\beyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*/g, 'eyJ…'],
  [/\b(Bearer|Basic) +[\w.~+/=-]{8,}/gi, '$1 …'],
  // A password in a URL. An issuer and the subject behind a bar are none.
  [/([a-z][a-z0-9+.-]*:\/\/[^\s:/?#@"\\]*:)[^\s/?#@|"\\]+@/gi, '$1…@'],
  // As a parameter of a query or a form, and as a member of JSON, which may stand in a text that is JSON itself.
  [/\b((?:access|refresh|id|api)_?token|client_secret|code_verifier|password|passwd|code)=[^&\s"\\]{6,}/gi, '$1=…'],
  [
    /(\\*"(?:[\w-]*(?:token|secret|password|passwd|authorization|cookie|api[-_]?key|private[-_]?key)|code_verifier)\\*" *: *\\*")[^"\\]+/gi,
    '$1…',
  ],
];

/** Shorter ones are words too. */
const shortest = 8;

/** A value as it may stand in JSON, a URL or a header. */
const forms = (secret: string): string[] => [
  secret,
  JSON.stringify(secret).slice(1, -1),
  encodeURIComponent(secret),
  Buffer.from(secret).toString('base64').replace(/.?=*$/, ''),
  Buffer.from(secret).toString('base64url').replace(/.$/, ''),
];

/**
 * Hides in a line of the log whatever looks like a secret or is one of these. Nothing is meant to log any: this is for what others put in
 * their errors.
 */
export const redaction = (secrets: readonly string[]): ((line: string) => string) => {
  const known = [...new Set(secrets.filter(({ length }) => length >= shortest).flatMap(forms))].sort((a, b) => b.length - a.length);
  return (line) => {
    let hidden = line;
    for (const secret of known) hidden = hidden.replaceAll(secret, '…');
    for (const [pattern, left] of looks) hidden = hidden.replace(pattern, left);
    return hidden;
  };
};

/** The secrets that an environment sets: the parts of it that must never be read in a log. */
export const secretsIn = (env: Readonly<Record<string, string>>): string[] => [
  ...['KESTRA_API_TOKEN', 'KESTRA_PASSWORD', 'OIDC_CLIENT_SECRET', 'ENCRYPTION_KEY', 'PGPASSWORD'].flatMap((name) => env[name] ?? []),
  ...(env.ENCRYPTION_KEYS ?? '').split(',').map((key) => key.replace(/^[^:]*:/, '').trim()),
  ...(env.OTEL_EXPORTER_OTLP_HEADERS ?? '').split(',').map((header) => header.replace(/^[^=]*=/, '').trim()),
  ...[...(env.KESTRA_MCP_CLIENTS ?? '').matchAll(/"client_secret"\s*:\s*"([^"]+)"/g)].map(([, secret = '']) => secret),
  ...['KESTRA_MCP_STORE', 'KESTRA_API_URL', 'HTTPS_PROXY', 'HTTP_PROXY', 'https_proxy', 'http_proxy'].flatMap((name) =>
    passwordOf(env[name] ?? ''),
  ),
];

/** As it is written there, and as it is meant. */
const passwordOf = (url: string): string[] => {
  const { password } = URL.canParse(url) ? new URL(url) : { password: '' };
  return [password, decodeURIComponent(password)];
};
