const sensitive = /pass(word|wd|phrase)?$|secret|token|api[-_]?key|authorization|cookie|credential|private[-_]?key|signature/i;
const hiddenValue = '(hidden)';

/**
 * The values of an execution without its secrets: what Kestra encrypted, and whatever stands under a name that speaks of a secret, such as
 * the Authorization header that a webhook's execution keeps.
 */
export const redact = (value: unknown): unknown => {
  if (Array.isArray(value)) return value.map(redact);
  if (value === null || typeof value !== 'object') return value;
  if ('type' in value && typeof value.type === 'string' && value.type.startsWith('io.kestra.datatype:')) return hiddenValue;
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [key, sensitive.test(key) && inner !== null && inner !== '' ? hiddenValue : redact(inner)]),
  );
};
