import { html } from './html.ts';
import { layout } from './layout.ts';

/** The hidden fields of a form that begins a sign-in. */
export interface Door {
  readonly request: string;
  readonly csrf: string;
}

export const doorFields = ({ request, csrf }: Door) =>
  html`<input type="hidden" name="request" value="${request}"><input type="hidden" name="csrf" value="${csrf}">`;

/** Nobody is signed in here. */
export const landingPage = ({ asked, ended, host, ...door }: Door & { asked: boolean; ended: boolean; host: string }): string =>
  layout({
    title: 'Your account',
    host,
    body: html`<div class="card">
<h1>${asked ? 'Register your Kestra credential' : 'Your account'}</h1>
${ended && html`<p class="notice" role="status">You are not signed in any more. What you sent last, if anything, was not done.</p>`}
<p>${asked ? 'Your assistant needs a Kestra credential of yours. Sign in as yourself, then give it here, never in the chat.' : 'See what assistants may do in Kestra for you, give them your Kestra credential, and end what you no longer use.'}</p>
<form method="post" action="/account/sign-in">${doorFields(door)}
<div class="actions"><button class="button main" type="submit">Sign in</button></div>
</form>
</div>
<p class="soft small">You sign in with your company's account on the next page.</p>`,
  });

/** The link was made for another person, who is not named. */
export const otherPersonPage = ({ host, ...door }: Door & { host: string }): string =>
  layout({
    title: 'This link is not yours',
    host,
    body: html`<div class="card" role="alert">
<h1>This link was made for somebody else</h1>
<p>An assistant gave it to another person than the one who is signed in here. If that was you, sign in as the person who asked.</p>
<p><strong>If somebody sent you this link, close it.</strong> Never give anybody's page a credential of yours.</p>
<form method="post" action="/account/sign-in">${doorFields(door)}
<div class="actions"><button class="button main" type="submit">Sign in as that person</button><a class="button" href="/account">To my own account</a></div>
</form>
</div>`,
  });

const mark = html`<svg class="mark good" viewBox="0 0 24 24" aria-hidden="true"><g fill="none" stroke="currentColor" stroke-width="1.8" stroke-linecap="round" stroke-linejoin="round"><circle cx="12" cy="12" r="9.5"/><path d="m7.8 12.4 2.9 2.9 5.6-6"/></g></svg>`;

/** After every kind of sign-out, the provider's own too. */
export const signedOutPage = ({ host }: { host: string }): string =>
  layout({
    title: 'Signed out',
    host,
    body: html`<div class="card" role="status">
${mark}
<h1>You are signed out here</h1>
<p>If others use this browser, sign out of your company's account too: as long as that goes on, a click is enough to be signed in here again.</p>
<div class="actions"><a class="button" href="/account">Sign in again</a></div>
</div>`,
  });
