import type { Grant } from '../../store/records.ts';
import type { AccountView } from '../account/view.ts';
import { isLoopback } from '../clients/redirect-uri.ts';
import { displayName } from '../display.ts';
import { scopeWords } from './consent.ts';
import { type Html, html } from './html.ts';
import { ago } from './time.ts';

/** The applications that somebody let in, and the way to let them out. */
export const applicationsCard = ({
  applications,
  csrf,
  now,
}: AccountView): Html => html`<section class="card" aria-labelledby="applications">
<h2 id="applications">Connected applications</h2>
${
  applications.length === 0
    ? html`<p class="soft">None. <a href="/">How to connect one</a></p>`
    : html`<ul class="list">${applications.map((grant) => application(grant, csrf, now))}</ul>`
}
${
  applications.length > 1 &&
  html`<details class="after"><summary>Disconnect all</summary><p>Each has to ask you again before it can use Kestra for you.</p>
<form method="post" action="/account/applications/disconnect-all"><input type="hidden" name="csrf" value="${csrf}"><button class="button danger" type="submit">Disconnect all ${applications.length}</button></form></details>`
}
</section>`;

const application = ({ id, client, redirectUri, scopes, createdAt, lastUsedAt }: Grant, csrf: string, now: number): Html => {
  const name = displayName(typeof client.name === 'string' ? client.name : undefined) ?? 'An application without a name';
  const may = scopeWords.filter(({ scope }) => scopes.includes(scope)).map(({ title }) => title.toLowerCase());
  return html`<li><div><b>${name}</b><span>${destination(redirectUri)}</span><span>may ${may.join(', ') || 'do nothing'}; connected ${ago(createdAt, now)}, last used ${ago(lastUsedAt, now)}</span></div>
<form method="post" action="/account/applications/disconnect"><input type="hidden" name="csrf" value="${csrf}"><input type="hidden" name="grant" value="${id}"><button class="button small" type="submit" aria-label="Disconnect ${name}">Disconnect</button></form></li>`;
};

const destination = (redirectUri: string): string => {
  const { protocol, host } = new URL(redirectUri);
  if (isLoopback(redirectUri)) return `a program on the computer where you signed in (${host})`;
  return protocol === 'https:' ? host : `an app that opens ${protocol}// links`;
};
