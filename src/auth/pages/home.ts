import { html } from './html.ts';
import { layout } from './layout.ts';

/** What this is and how to add it, client by client, ready to copy: a click on a box selects all of it. */
export const homePage = ({ mcpUrl, host, account }: { mcpUrl: string; host?: string; account?: boolean }): string => {
  const server = { type: 'http', url: mcpUrl };
  const vscode = JSON.stringify({ name: 'kestra', ...server });
  const cursor = Buffer.from(JSON.stringify({ url: mcpUrl })).toString('base64');
  const json = (value: unknown) => html`<pre tabindex="0">${JSON.stringify(value, null, 2)}</pre>`;
  return layout({
    title: 'Kestra for your assistant',
    host,
    wide: true,
    body: html`<div class="card">
<h1>Kestra for your assistant</h1>
<p class="big">This server lets AI assistants find, write, run and diagnose Kestra flows for you, with your own account and exactly what your roles allow.</p>
<section aria-labelledby="address">
<h2 id="address">Its address</h2>
<pre class="url" tabindex="0">${mcpUrl}</pre>
<p class="soft">Add this address to your assistant, then sign in with your company's account when it opens the browser. There is no key to copy.</p>
${account && html`<p><a href="/account">Your account</a>: what your assistants may do, your Kestra credential, and what is connected.</p>`}
</section>
</div>
<div class="card">
<h2>Add it to</h2>
<details open><summary>Claude</summary>
<p>On the web or on the desktop; the phone has it then, too:</p>
<ol><li>Open <b>Settings</b>, then <b>Connectors</b>, then <b>Add custom connector</b>.</li><li>Paste the address, and press <b>Connect</b>.</li></ol>
<p class="soft small">In a Team or Enterprise plan an owner adds it once for everybody.</p>
</details>
<details><summary>Claude Code</summary>
<pre tabindex="0">claude mcp add --transport http kestra ${mcpUrl}</pre>
<p>Then type <code>/mcp</code> in Claude Code, and choose <b>Authenticate</b>.</p>
</details>
<details><summary>VS Code</summary>
<p><a href="vscode:mcp/install?${encodeURIComponent(vscode)}">Install in VS Code</a>, or in a terminal:</p>
<pre tabindex="0">code --add-mcp '${vscode}'</pre>
<p>Or for everybody who works in a repository, in <code>.vscode/mcp.json</code>:</p>
${json({ servers: { kestra: server } })}
</details>
<details><summary>Cursor</summary>
<p><a href="cursor://anysphere.cursor-deeplink/mcp/install?name=kestra&amp;config=${encodeURIComponent(cursor)}">Install in Cursor</a>, or in <code>~/.cursor/mcp.json</code>:</p>
${json({ mcpServers: { kestra: { url: mcpUrl } } })}
</details>
<details><summary>Others</summary>
<p>Any client that speaks MCP over Streamable HTTP and signs in with OAuth takes the address as it is. One that can only start programs takes this:</p>
${json({ mcpServers: { kestra: { command: 'npx', args: ['-y', 'mcp-remote', mcpUrl] } } })}
</details>
</div>`,
  });
};
