import type { AccountView } from '../account/view.ts';
import { applicationsCard } from './account-applications.ts';
import { credentialCard } from './account-credential.ts';
import type { Door } from './account-door.ts';
import { rightsCard } from './account-rights.ts';
import { type Html, html } from './html.ts';
import { layout } from './layout.ts';

export interface AccountPage extends AccountView {
  /** What the form before came to, by its name. */
  readonly notice?: string;
  /** Why the form before did nothing. */
  readonly problem?: string;
  /** Where the sign-in is not fresh any more: the form that proves anew who it is. */
  readonly again?: Door;
  readonly host: string;
}

const notices: Readonly<Record<string, string>> = {
  stored: 'Kestra has accepted your credential, and it is stored.',
  accepted: 'Kestra accepts your credential.',
  removed: 'Your credential is removed. It may still be valid in Kestra: revoke it there if you no longer need it.',
  disconnected: 'The application is disconnected.',
  'all-disconnected': 'Every application is disconnected.',
};

/** Who somebody is, what may be done in their name, and what they can take back. */
export const accountPage = (page: AccountPage): string => {
  const { person, csrf, host, notice, problem } = page;
  const said = notice !== undefined && notices[notice];
  return layout({
    title: 'Your account',
    host,
    wide: true,
    body: html`${said && html`<p class="notice good" role="status">${said}</p>`}
${problem !== undefined && html`<p class="notice bad" role="alert">${problem}</p>`}
<div class="card person">
<div><p class="kicker">You are signed in as</p><h1>${person.name}</h1>${person.email !== undefined && person.email !== person.name && html`<p class="soft">${person.email}</p>`}</div>
${signOut(csrf, html`<button class="button small" type="submit">Sign out</button>`)}
</div>
${credentialCard(page)}
${rightsCard(page)}
${applicationsCard(page)}
<section class="card" aria-labelledby="leave">
<h2 id="leave">Sign out</h2>
<details><summary>Everywhere</summary>
<p>Ends every session of yours at this page and disconnects every application, on all your devices. Your Kestra credential stays.</p>
${signOut(csrf, html`<button class="button danger" type="submit" name="from" value="everywhere">Sign out everywhere</button>`)}
</details>
${
  page.providerSignOut &&
  html`<details><summary>Of your company's account too</summary>
<p>Signs you out here and where you signed in. Other sites that you use with the same account may sign you out as well.</p>
${signOut(csrf, html`<button class="button" type="submit" name="from" value="provider">Sign out of both</button>`)}
</details>`
}
</section>`,
  });
};

const signOut = (csrf: string, button: Html): Html =>
  html`<form method="post" action="/account/sign-out"><input type="hidden" name="csrf" value="${csrf}">${button}</form>`;
