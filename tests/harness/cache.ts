import { homedir } from 'node:os';
import { join } from 'node:path';

/** Where `tests/e2e/install` and `tests/conformance/install` put what they install. */
export const cache = process.env.KESTRA_MCP_E2E_CACHE ?? join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'kestra-mcp');
