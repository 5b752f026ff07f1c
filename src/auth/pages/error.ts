import { html } from './html.ts';
import { layout } from './layout.ts';

export interface ErrorPage {
  readonly title: string;
  readonly text: string;
  /** Where to go from here: back to the client, with its error, say. */
  readonly link?: { readonly href: string; readonly label: string };
  /** Where it is said plainly that nothing was handed out. */
  readonly nothingShared?: boolean;
  readonly host?: string;
}

const mark = (tone: string) =>
  html`<svg class="mark ${tone}" viewBox="0 0 24 24" aria-hidden="true"><g fill="none" stroke="currentColor" stroke-width="1.8" stroke-linecap="round"><circle cx="12" cy="12" r="9.5"/><path d="M12 7.2v6"/></g><circle cx="12" cy="16.6" r="1.2" fill="currentColor"/></svg>`;

/** What went wrong, in words, and what to do; with a link back if there is one that can be trusted with it. */
export const errorPage = ({ title, text, link, nothingShared, host }: ErrorPage): string =>
  layout({
    title,
    host,
    body: html`<div class="card" role="alert">
${mark(nothingShared ? 'calm' : 'bad')}
<h1>${title}</h1>
<p>${text}</p>
${nothingShared && html`<p class="soft">Nothing was shared and nothing has changed. You can close this window.</p>`}
${link && html`<div class="actions"><a class="button" href="${link.href}" rel="noreferrer">${link.label}</a></div>`}
</div>`,
  });
