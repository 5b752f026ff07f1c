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
