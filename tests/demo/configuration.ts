/** A way to start the server, for a client's settings. */
interface Launch {
  readonly command: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

const published = { command: 'npx', args: ['-y', 'kestra-mcp', '--stdio'] };

/** With the reader's own Kestra. */
const own: Launch = { ...published, env: { KESTRA_API_URL: 'https://kestra.example.com', KESTRA_API_TOKEN: 'your token' } };

/** What to paste into clients: with this demo's program and Kestra, then with one's own. */
export const configuration = (program: string, env: Readonly<Record<string, string>>): { title: string; text: string }[] => {
  const here: Launch = { command: process.execPath, args: [program, '--stdio'], env };
  return [
    ...forClients('this demo, while it is up', here),
    ...forClients('your Kestra (open source: KESTRA_USERNAME and KESTRA_PASSWORD instead of the token)', own),
  ];
};

interface Person {
  readonly name: string;
  readonly about: string;
  readonly kestraToken: string;
}

/** How to come to the team's server, and as whom. */
export const teamConfiguration = (url: string, people: readonly Person[]): { title: string; text: string }[] => [
  { title: "The team's server: for Claude Code", text: `claude mcp add --transport http kestra ${url}/mcp` },
  { title: "The team's server: for VS Code (.vscode/mcp.json)", text: json({ servers: { kestra: { type: 'http', url: `${url}/mcp` } } }) },
  { title: "The team's server: for Cursor (~/.cursor/mcp.json)", text: json({ mcpServers: { kestra: { url: `${url}/mcp` } } }) },
  {
    title: `Whom to sign in as (no password), and the Kestra token to register at ${url}/account`,
    text: people.map(({ name, about, kestraToken }) => `${name}: ${about}\n    ${kestraToken}`).join('\n'),
  },
];

const forClients = (whose: string, launch: Launch) => [
  { title: `Claude Code, with ${whose}`, text: claudeCode(launch) },
  {
    title: `Claude Desktop (claude_desktop_config.json) and Cursor (~/.cursor/mcp.json), with ${whose}`,
    text: json({ mcpServers: { kestra: launch } }),
  },
  { title: `VS Code (.vscode/mcp.json), with ${whose}`, text: json({ servers: { kestra: { type: 'stdio', ...launch } } }) },
];

const claudeCode = ({ command, args, env }: Launch): string =>
  [
    'claude mcp add kestra',
    ...Object.entries(env).map(([name, value]) => `--env ${quoted(`${name}=${value}`)}`),
    `-- ${[command, ...args].map(quoted).join(' ')}`,
  ].join(' \\\n  ');

/** For a shell. */
const quoted = (word: string): string => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`);

const json = (value: unknown): string => JSON.stringify(value, null, 2);
