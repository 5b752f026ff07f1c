/** What others wrote, set apart from this server's own facts; left out where there is nothing. */
export const quoted = (texts: Readonly<Record<string, unknown>>): { quoted?: Record<string, unknown> } => {
  const kept = Object.entries(texts).filter(([, value]) => value !== undefined && value !== null && value !== '' && !isEmpty(value));
  return kept.length === 0 ? {} : { quoted: Object.fromEntries(kept) };
};

const isEmpty = (value: unknown): boolean => typeof value === 'object' && value !== null && Object.keys(value).length === 0;

/** Labels as a map, without Kestra's own. */
export const labelMap = (labels: readonly { key: string; value: string }[] | undefined): Record<string, string> =>
  Object.fromEntries((labels ?? []).filter(({ key }) => !key.startsWith('system.')).map(({ key, value }) => [key, value]));

/** The beginning of a text, on one line. */
export const brief = (text: string | undefined, most = 160): string | undefined => {
  const line = text?.replace(/\s+/g, ' ').trim();
  return line && line.length > most ? `${line.slice(0, most)}…` : line;
};
