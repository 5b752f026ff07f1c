import { displayName } from '../display.ts';
import { html } from './html.ts';
import { layout } from './layout.ts';

export interface SignedIn {
  /** Who it is, for the person to see that it is right. */
  readonly person?: string;
  readonly clientName?: string;
  /** Where the client waits for its answer, if the browser doesn't go there by itself. */
  readonly continueTo?: string;
  readonly host?: string;
}

const mark = html`<svg class="mark good" viewBox="0 0 24 24" aria-hidden="true"><g fill="none" stroke="currentColor" stroke-width="1.8" stroke-linecap="round" stroke-linejoin="round"><circle cx="12" cy="12" r="9.5"/><path d="m7.8 12.4 2.9 2.9 5.6-6"/></g></svg>`;

/** It worked. */
export const signedInPage = ({ person, clientName, continueTo, host }: SignedIn): string => {
  const client = displayName(clientName) ?? 'the application';
  return layout({
    title: 'Signed in',
    host,
    body: html`<div class="card" role="status">
${mark}
<h1>You are signed in${person && html` as ${displayName(person)}`}</h1>
<p>Go back to ${client}: it can use Kestra for you now. This window can be closed.</p>
${continueTo && html`<div class="actions"><a class="button main" href="${continueTo}" rel="noreferrer">Return to ${client}</a></div>`}
</div>`,
  });
};
