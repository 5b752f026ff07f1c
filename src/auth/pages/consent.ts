import type { Client, ClientSource } from '../clients/client.ts';
import { isLoopback } from '../clients/redirect-uri.ts';
import { displayName, mixesAlphabets } from '../display.ts';
import type { Scope } from '../scopes.ts';
import { type Html, html } from './html.ts';
import { layout } from './layout.ts';

export interface Consent {
  readonly client: Pick<Client, 'id' | 'name' | 'uri' | 'source'>;
  /** As the request has it, already matched to the client. */
  readonly redirectUri: string;
  /** What is asked for; what a scope includes is shown with it. */
  readonly scopes: readonly Scope[];
  /** The form: where it goes, and the values of its hidden fields `request` and `csrf`. */
  readonly action: string;
  readonly request: string;
  readonly csrf: string;
  readonly host?: string;
}

/**
 * The question before everything else: may this application use Kestra in your name? Where the answer goes is larger than the name, since
 * anybody can choose a name. The form posts `csrf`, `request`, `write` (`yes` only if still ticked) and `decision` (approve or deny).
 */
export const consentPage = ({ client, redirectUri, scopes, action, request, csrf, host }: Consent): string => {
  const name = displayName(client.name);
  const shown = name ?? 'An application without a name';
  return layout({
    title: 'Allow access to Kestra?',
    host,
    body: html`<div class="card">
<h1>${shown} ${badges[client.source]} would like to use Kestra for you</h1>
${name !== undefined && client.source !== 'preconfigured' && html`<p class="soft">The application chose this name itself. Nobody has verified it${mixesAlphabets(name) && html`, and it mixes alphabets whose letters look alike`}.</p>`}
<section aria-labelledby="goes">
<h2 id="goes">Your answer will be sent to</h2>
${destination(redirectUri)}
</section>
${client.source === 'metadata-document' && html`<p class="soft small">It describes itself at <strong>${new URL(client.id).host}</strong>.</p>`}
${client.uri !== undefined && html`<p class="soft small">It says that its home page is ${client.uri}.</p>`}
<form method="post" action="${action}">
<section aria-labelledby="may">
<h2 id="may">It could then, within what your roles allow</h2>
<ul class="scopes">
${scopeWords.filter(({ scope }) => scopes.some((asked) => order.indexOf(asked) >= order.indexOf(scope))).map(line)}
</ul>
</section>
<input type="hidden" name="request" value="${request}">
<input type="hidden" name="csrf" value="${csrf}">
<div class="actions">
<button class="button main" type="submit" name="decision" value="approve">Continue to sign in</button>
<button class="button" type="submit" name="decision" value="deny">Deny</button>
</div>
</form>
</div>
<p class="soft small" id="last">Only continue if you started this yourself, just now. You sign in with your company's account on the next page; the application never sees your password.</p>`,
  });
};

const badge = (text: string): Html => html`<span class="badge">${text}</span>`;
const badges: Readonly<Record<ClientSource, Html>> = {
  preconfigured: badge('set up by your administrator'),
  'metadata-document': badge('unverified'),
  registered: badge('unverified'),
};

const destination = (redirectUri: string): Html => {
  if (isLoopback(redirectUri)) {
    return html`<div class="goes"><strong>This computer</strong><code>${new URL(redirectUri).host}</code></div>
<div class="note" role="note"><strong>A program on this computer is asking.</strong>Which program listens there can't be told from here. If you didn't just start a sign-in in an application on this very computer, deny.</div>`;
  }
  const { protocol, host } = new URL(redirectUri);
  if (protocol === 'https:') return html`<div class="goes"><strong>${host}</strong><code>${redirectUri}</code></div>`;
  return html`<div class="goes"><strong>An app that opens ${protocol}// links</strong><code>${redirectUri}</code></div>
<div class="note" role="note"><strong>An app on this device is asking.</strong>Any app can claim links that begin with ${protocol}// for itself. If you didn't just start a sign-in in the app you expect, deny.</div>`;
};

const order: readonly Scope[] = ['kestra.read', 'kestra.execute', 'kestra.write'];
/** The scopes in words. */
export const scopeWords: readonly { readonly scope: Scope; readonly title: string; readonly text: string }[] = [
  { scope: 'kestra.read', title: 'See', text: 'flows, executions and their logs, files, keys and values' },
  { scope: 'kestra.execute', title: 'Run', text: 'start flows; pause, resume, restart and stop executions' },
  { scope: 'kestra.write', title: 'Change and delete', text: 'flows, files, keys and values; untick to leave this out' },
];

const tick = html`<svg viewBox="0 0 24 24" aria-hidden="true"><path d="m5 12.5 4.6 4.6L19 7.2" fill="none" stroke="currentColor" stroke-width="2.4" stroke-linecap="round" stroke-linejoin="round"/></svg>`;

const line = ({ scope, title, text }: (typeof scopeWords)[number]): Html =>
  scope === 'kestra.write'
    ? html`<li><input type="checkbox" name="write" value="yes" id="write" checked><label for="write"><b>${title}</b> <span>${text}</span></label></li>`
    : html`<li>${tick}<div><b>${title}</b> <span>${text}</span></div></li>`;
