import { readFileSync } from 'node:fs';
import { type ConnectionOptions, checkServerIdentity } from 'node:tls';
import type { ClientConfig } from 'pg';
import { PublicError } from '../../errors.ts';

/** Where the database is and how it is reached, and the schema of ours in it. */
export interface Address {
  readonly client: ClientConfig;
  readonly schema: string;
}

const howToWrite =
  'write postgres://user:password@host:5432/database, with special characters of the password as in a URL (%40 for @, %25 for %)';

const part = (encoded: string): string => {
  try {
    return decodeURIComponent(encoded);
  } catch {
    throw refused(howToWrite);
  }
};

const known = ['host', 'sslmode', 'sslrootcert', 'sslcert', 'sslkey', 'schema'];

/**
 * Reads `postgres://user:password@host:port/database?sslmode=verify-full&sslrootcert=FILE`. `host` may be the folder of a Unix socket, the
 * files are PEM. What is left out is what libpq's variables say (PGPASSWORD, PGPASSFILE…).
 * @throws PublicError `misconfigured`, without a word of what it was given
 */
export const parseAddress = (location: string): Address => {
  const url = URL.canParse(location) ? new URL(location) : undefined;
  if (!url) throw refused(howToWrite);
  const parameters = Object.fromEntries(url.searchParams);
  const strange = Object.keys(parameters).find((name) => !known.includes(name));
  if (strange) throw refused(`there is no parameter ${JSON.stringify(strange)}; there are ${known.join(', ')}`);
  const schema = parameters.schema ?? 'kestra_mcp';
  if (!/^[a-z_][a-z0-9_]{0,62}$/.test(schema)) throw refused('schema: use lower-case letters, digits and _');
  const host = parameters.host ?? part(url.hostname).replace(/^\[(.+)\]$/, '$1');
  const database = part(url.pathname.slice(1));
  return {
    schema,
    client: {
      ...(host && { host }),
      ...(url.port && { port: Number(url.port) }),
      ...(url.username && { user: part(url.username) }),
      ...(url.password && { password: part(url.password) }),
      ...(database && { database }),
      ssl: tls(host, parameters),
    },
  };
};

/** As libpq has it: `require` believes any certificate unless there is a root, `verify-ca` any name, `verify-full` none but the right one. */
const tls = (host: string, { sslmode = 'disable', ...files }: Record<string, string>): ConnectionOptions | false => {
  const read = (name: 'sslrootcert' | 'sslcert' | 'sslkey') => files[name] && readPem(name, files[name]);
  const [ca, cert, key] = [read('sslrootcert'), read('sslcert'), read('sslkey')];
  const given = { ...(ca && { ca }), ...(cert && { cert }), ...(key && { key }) };
  switch (sslmode) {
    case 'disable':
      if (Object.keys(given).length > 0) throw refused('certificates are named, but sslmode is not: use sslmode=verify-full');
      return false;
    case 'require':
      return ca ? { ...given, checkServerIdentity: () => undefined } : { ...given, rejectUnauthorized: false };
    case 'verify-ca':
      return { ...given, checkServerIdentity: () => undefined };
    case 'verify-full':
      // Where the host is an address, the driver would look for localhost in the certificate.
      return { ...given, checkServerIdentity: (_, certificate) => checkServerIdentity(host || 'localhost', certificate) };
    default:
      throw refused('sslmode: use disable, require, verify-ca or verify-full');
  }
};

const readPem = (name: string, file: string): string => {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw refused(`${name}: the file can't be read (${(error as NodeJS.ErrnoException).code})`);
  }
};

const refused = (what: string): PublicError => new PublicError('misconfigured', `KESTRA_MCP_STORE: ${what}`);
