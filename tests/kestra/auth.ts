import type { Edition, Line } from './dialect.ts';
import type { User } from './users.ts';

/** Paths that need no credentials. */
function isOpen(path: string, line: Line, edition: Edition): boolean {
  if (path === '/ping' || path.startsWith('/swagger/') || path.startsWith('/ui/')) return true;
  if (path === '/api/v1/configs') return edition === 'OSS' || line === '1.3';
  if (path === '/api/v1/configs/login') return true;
  return /^\/api\/v1\/[^/]+\/executions\/webhook\//.test(path);
}

/** Who makes a request: `open` if nobody needs to be anybody, undefined if it must be refused with 401. */
export function authenticate(
  request: { path: string; authorization: string | undefined },
  line: Line,
  edition: Edition,
  users: readonly User[],
): User | 'open' | undefined {
  const { path, authorization } = request;
  const [scheme = '', credential = ''] = (authorization ?? '').split(' ');
  const user = find(scheme.toLowerCase(), credential, line, edition, users);
  return user ?? (isOpen(path, line, edition) ? 'open' : undefined);
}

function find(scheme: string, credential: string, line: Line, edition: Edition, users: readonly User[]): User | undefined {
  if (credential === '') return undefined;
  if (scheme === 'bearer' && edition === 'EE') return users.find((user) => user.token === credential);
  if (scheme === 'basic' && (edition === 'OSS' || line === '1.3')) {
    const text = Buffer.from(credential, 'base64').toString('utf8');
    const colon = text.indexOf(':');
    return users.find((user) => user.username === text.slice(0, colon) && user.password === text.slice(colon + 1));
  }
  return undefined;
}

/** Whether an EE user may make a request that touches a namespace; OSS has no rules. */
export function mayUse(user: User | undefined, edition: Edition, method: string, namespace: string | undefined): boolean {
  if (edition === 'OSS' || !user) return true;
  if (user.readOnly && method !== 'GET') return false;
  if (!user.namespaces || namespace === undefined) return true;
  return user.namespaces.some((own) => namespace === own || namespace.startsWith(`${own}.`));
}
