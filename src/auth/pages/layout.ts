import { type Html, html } from './html.ts';
import { style } from './style.ts';

export interface Layout {
  /** What the tab and the history say. */
  readonly title: string;
  /** The host of this server, so that a reader can tell whose page this is. */
  readonly host?: string;
  /** For pages that are read rather than answered. */
  readonly wide?: boolean;
  readonly body: Html;
}

/** A small flow: three tasks, two of them at once. Ours; not Kestra's logo. */
const logo: Html = {
  markup:
    '<svg viewBox="0 0 32 32" aria-hidden="true"><rect width="32" height="32" rx="9" fill="currentColor"/>' +
    '<g fill="none" stroke="var(--card)" stroke-width="2.2" stroke-linecap="round"><path d="M12.5 16h2.2c2.6 0 2.2-5.5 4.8-5.5M14.7 16c2.6 0 2.2 5.5 4.8 5.5"/></g>' +
    '<g fill="var(--card)"><circle cx="9.6" cy="16" r="3.1"/><circle cx="22.4" cy="10.5" r="3.1"/><circle cx="22.4" cy="21.5" r="3.1"/></g></svg>',
};

/** The same for the tab. */
export const icon =
  '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><rect width="32" height="32" rx="9" fill="#6a26d9"/>' +
  '<g fill="none" stroke="#fff" stroke-width="2.2" stroke-linecap="round"><path d="M12.5 16h2.2c2.6 0 2.2-5.5 4.8-5.5M14.7 16c2.6 0 2.2 5.5 4.8 5.5"/></g>' +
  '<g fill="#fff"><circle cx="9.6" cy="16" r="3.1"/><circle cx="22.4" cy="10.5" r="3.1"/><circle cx="22.4" cy="21.5" r="3.1"/></g></svg>';

const styleElement: Html = { markup: `<style>${style}</style>` };

/** A whole page. */
export const layout = ({ title, host, wide, body }: Layout): string =>
  html`<!doctype html>
<html lang="en"${wide && html` class="wide"`}>
<head>
<meta charset="utf-8">
<title>${title} · Kestra MCP</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<link rel="icon" href="/icon.svg" type="image/svg+xml">
${styleElement}
</head>
<body>
<header>${logo}<b>Kestra MCP</b>${host && html`<span>${host}</span>`}</header>
<main>
${body}
</main>
</body>
</html>
`.markup;
