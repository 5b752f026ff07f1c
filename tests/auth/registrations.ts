/**
 * What real clients send to /register, as read in their sources or in reports of those who received it (2025 and 2026); ports are
 * whatever was free. Each must be accepted as it is.
 */
export const registrations: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
  // Its backend asks for a secret whatever our metadata says, and gets on without one when the answer says none.
  'Claude (claude.ai, desktop, phone)': {
    client_name: 'Claude',
    redirect_uris: ['https://claude.ai/api/mcp/auth_callback'],
    grant_types: ['authorization_code', 'refresh_token'],
    response_types: ['code'],
    token_endpoint_auth_method: 'client_secret_post',
    scope: 'kestra.read kestra.execute kestra.write',
  },
  'Claude Code': {
    client_name: 'Claude Code (kestra)',
    redirect_uris: ['http://localhost:52814/callback'],
    grant_types: ['authorization_code', 'refresh_token'],
    response_types: ['code'],
    token_endpoint_auth_method: 'none',
    scope: 'kestra.read kestra.execute kestra.write',
  },
  'VS Code': {
    client_name: 'Visual Studio Code',
    client_uri: 'https://code.visualstudio.com',
    grant_types: ['authorization_code', 'refresh_token', 'urn:ietf:params:oauth:grant-type:device_code'],
    response_types: ['code'],
    redirect_uris: ['https://insiders.vscode.dev/redirect', 'https://vscode.dev/redirect', 'http://127.0.0.1/', 'http://127.0.0.1:33418/'],
    scope: 'kestra.read kestra.execute kestra.write',
    token_endpoint_auth_method: 'none',
    application_type: 'native',
  },
  'VS Code of 2025': {
    client_name: 'Visual Studio Code',
    client_uri: 'https://code.visualstudio.com',
    grant_types: ['authorization_code', 'refresh_token'],
    response_types: ['code'],
    redirect_uris: [
      'https://insiders.vscode.dev/redirect',
      'https://vscode.dev/redirect',
      'http://localhost',
      'http://127.0.0.1',
      'http://localhost:33418',
      'http://127.0.0.1:33418',
    ],
    token_endpoint_auth_method: 'none',
  },
  Cursor: {
    client_name: 'Cursor',
    redirect_uris: [
      'cursor://anysphere.cursor-mcp/oauth/callback',
      'https://www.cursor.com/agents/mcp/oauth/callback',
      'http://localhost:8787/callback',
    ],
    grant_types: ['authorization_code', 'refresh_token'],
    response_types: ['code'],
    token_endpoint_auth_method: 'none',
  },
  'MCP Inspector': {
    redirect_uris: ['http://127.0.0.1:6276/oauth/callback'],
    token_endpoint_auth_method: 'none',
    grant_types: ['authorization_code', 'refresh_token'],
    response_types: ['code'],
    client_name: 'MCP Inspector',
    client_uri: 'https://github.com/modelcontextprotocol/inspector',
    scope: '',
    application_type: 'native',
  },
  'mcp-remote': {
    redirect_uris: ['http://localhost:3334/oauth/callback'],
    token_endpoint_auth_method: 'none',
    grant_types: ['authorization_code', 'refresh_token'],
    response_types: ['code'],
    client_name: 'MCP CLI Proxy',
    client_uri: 'https://github.com/modelcontextprotocol/mcp-cli',
    software_id: '2e6dc280-f3c3-4e01-99a7-8181dbd1d23d',
    software_version: '0.15.1',
  },
  // Some leave out or null what they don't use, and no application_type: it must not make loopback a fault.
  'Python SDK': {
    redirect_uris: ['http://localhost:3030/callback'],
    token_endpoint_auth_method: null,
    grant_types: ['authorization_code', 'refresh_token'],
    response_types: ['code'],
    client_name: 'MCP client',
    client_uri: null,
    logo_uri: null,
    contacts: null,
    jwks: null,
    software_id: null,
  },
};
