import type { AboutKestra } from '../account/ports.ts';
import type { AccountPage } from './account.ts';
import { doorFields } from './account-door.ts';
import { type Html, html } from './html.ts';
import { ago } from './time.ts';

/** The person's Kestra credential: whose vault it is first, in the largest type of the page. The secret itself is never shown. */
export const credentialCard = (page: AccountPage): Html => {
  const { credential, person } = page;
  if (!credential) {
    return html`<section class="card" aria-labelledby="credential"><h2 id="credential">Kestra credential</h2>
<p class="soft">This server uses one Kestra credential for everybody, which an administrator has set. You need none of your own; what you may do is what your roles say below.</p>
</section>`;
  }
  const { shown } = credential;
  return html`<section class="card" aria-labelledby="credential">
<h2 id="credential">Kestra credential</h2>
<div class="goes"><span class="soft small">This is the vault of</span><strong>${person.name}</strong>${person.email !== undefined && html`<code>${person.email}</code>`}</div>
<p class="soft small after">What is stored here, the assistants of ${person.name} use. If that isn't you, store nothing and sign out.</p>
${shown ? stored(page, shown.readable) : html`<p><b>None is stored yet.</b> Assistants see their tools, but Kestra will not be asked anything until you store one.</p>`}
${shown ? html`<details><summary>Replace it</summary>${change(page)}</details>${removal(page)}` : change(page)}
</section>`;
};

const stored = ({ credential, csrf, now }: AccountPage, readable: boolean): Html => {
  const shown = credential?.shown;
  if (!readable) {
    return html`<p class="notice bad">The stored credential can not be opened any more: the keys of this server have changed. Replace it.</p>`;
  }
  return html`<div class="row"><div><b>${sentence(shown?.hint ?? 'A credential')}</b>${shown?.storedAt !== undefined && html`<span>stored ${ago(shown.storedAt, now)}</span>`}</div>
<form method="post" action="/account/credential/test">${hidden(csrf)}<button class="button small" type="submit">Test it</button></form></div>`;
};

const removal = (page: AccountPage): Html => html`<details><summary>Remove it</summary>
<p>Assistants can use Kestra for you no longer, until you store another one.</p>
${page.again ? signInAgain(page) : html`<form method="post" action="/account/credential/remove">${hidden(page.csrf)}<button class="button danger" type="submit">Remove the credential</button></form>`}
</details>`;

/** The forms that this Kestra needs: API tokens exist in Enterprise alone. */
const change = (page: AccountPage): Html => {
  if (page.again) return signInAgain(page);
  const kestra = page.credential?.kestra ?? {};
  if (kestra.edition === 'EE') return tokenForm(page.csrf, kestra);
  if (kestra.edition === 'OSS') return passwordForm(page.csrf, kestra);
  return html`<p class="soft small">Kestra does not say just now which kind it takes.</p>
<details open><summary>An API token (Kestra Enterprise and Cloud)</summary>${tokenForm(page.csrf, kestra)}</details>
<details><summary>User name and password (Kestra open source)</summary>${passwordForm(page.csrf, kestra)}</details>`;
};

const signInAgain = ({
  again,
}: AccountPage): Html => html`<form class="again" method="post" action="/account/sign-in">${again && doorFields(again)}
<p class="soft">You signed in more than five minutes ago. Sign in once more, so that nobody else does this on a screen that you left open.</p>
<button class="button main" type="submit">Sign in again to change it</button></form>`;

const tokenForm = (
  csrf: string,
  { uiUrl }: AboutKestra,
): Html => html`<form class="fields" method="post" action="/account/credential" autocomplete="off">${hidden(csrf)}<input type="hidden" name="kind" value="token">
<label for="token">API token</label>
<input id="token" name="token" type="password" required maxlength="4096" aria-describedby="token-hint" ${quiet}>
<p class="soft small" id="token-hint">Make one in ${kestraName(uiUrl)}, under the API tokens of your own user there.</p>
<button class="button main" type="submit">Check and store</button></form>`;

const passwordForm = (
  csrf: string,
  { uiUrl }: AboutKestra,
): Html => html`<form class="fields" method="post" action="/account/credential" autocomplete="off">${hidden(csrf)}<input type="hidden" name="kind" value="password">
<label for="username">User name</label>
<input id="username" name="username" type="text" required maxlength="512" inputmode="email" ${quiet}>
<label for="password">Password</label>
<input id="password" name="password" type="password" required maxlength="4096" aria-describedby="password-hint" ${quiet}>
<p class="soft small" id="password-hint">Those with which you sign in to ${kestraName(uiUrl)}.</p>
<button class="button main" type="submit">Check and store</button></form>`;

/** Nothing of it is to be remembered, completed, corrected or sent to a spelling service. */
const quiet: Html = { markup: 'autocomplete="off" autocapitalize="none" autocorrect="off" spellcheck="false"' };

const kestraName = (uiUrl: string | undefined): Html =>
  uiUrl === undefined ? html`Kestra` : html`<a href="${uiUrl}" rel="noreferrer noopener" target="_blank">Kestra</a>`;

const hidden = (csrf: string): Html => html`<input type="hidden" name="csrf" value="${csrf}">`;
const sentence = (text: string): string => `${text.charAt(0).toUpperCase()}${text.slice(1)}`;
