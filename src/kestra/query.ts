/**
 * Kestra's query strings: `filters[field][OP]=value`, labels nested one deeper (`filters[labels][EQUALS][env]=prod`), a list under a
 * filter joined with commas, a list elsewhere repeated, null empty, undefined left out.
 */
export const serializeQuery = (query: Readonly<Record<string, unknown>>): string => {
  const pairs = new URLSearchParams();
  const put = (key: string, value: unknown, filter: boolean): void => {
    if (value === undefined) return;
    if (Array.isArray(value)) {
      if (filter) pairs.append(key, value.join(','));
      else for (const each of value) put(key, each, false);
    } else if (value !== null && typeof value === 'object') {
      for (const [name, inner] of Object.entries(value)) put(`${key}[${name}]`, inner, true);
    } else {
      pairs.append(key, value === null ? '' : String(value));
    }
  };
  for (const [key, value] of Object.entries(query)) put(key, value, false);
  return pairs.toString();
};
