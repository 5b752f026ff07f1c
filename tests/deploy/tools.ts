import { homedir } from 'node:os';
import { join } from 'node:path';

export const root = join(import.meta.dirname, '..', '..');

const cache = process.env.KESTRA_MCP_E2E_CACHE ?? join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'kestra-mcp');

/** What `tests/deploy/install` brought. */
export const installed = (path: string): string => join(cache, 'deploy', path);
