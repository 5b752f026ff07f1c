const sensitive = /pass(word|wd|phrase)?$|secret|token|api[-_]?key|authorization|cookie|credential|private[-_]?key|signature/i;
const hiddenValue = '(hidden)';

/**
 * The values of an execution without its secrets: what Kestra encrypted, and whatever stands under a name that speaks of a secret, such as
 * the Authorization header that a webhook's execution keeps.
 */
export const redact = (value: unknown): unknown => {
  if (Array.isArray(value)) return value.map(redact);
  if (typeof value === 'string') return redactText(value);
  if (value === null || typeof value !== 'object') return value;
  if ('type' in value && typeof value.type === 'string' && value.type.startsWith('io.kestra.datatype:')) return hiddenValue;
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [key, sensitive.test(key) && inner !== null && inner !== '' ? hiddenValue : redact(inner)]),
  );
};

/** Kestra gives an object that an expression renders as JSON text. */
const redactText = (text: string): string => {
  if (/^\s*[[{]/.test(text)) {
    try {
      const value: unknown = JSON.parse(text);
      const redacted = JSON.stringify(redact(value));
      return redacted === JSON.stringify(value) ? text : redacted;
    } catch {
      // Text after all.
    }
  }
  return text.replace(/\b(Bearer|Basic)\s+[\w.~+/=-]{8,}/g, `$1 ${hiddenValue}`);
};
