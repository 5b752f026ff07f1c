import type { ToolSeen } from '../account/ports.ts';
import { type AccountView, type NamedValues, sources } from '../account/view.ts';
import { visible } from '../display.ts';
import { type Html, html } from './html.ts';

/** What somebody may do and not do, and where it comes from. */
export const rightsCard = ({
  roles,
  notes,
  tools,
  claims,
  person,
}: AccountView): Html => html`<section class="card" aria-labelledby="rights">
<h2 id="rights">What you may do</h2>
${
  roles.length === 0
    ? html`<div class="note" role="note"><strong>You have no role here.</strong>You are signed in, but nothing that your company's sign-in says of you gives you a right on this server. Ask your administrator for a role: kestra-viewer is enough to look.</div>`
    : html`<ul class="list">${roles.map(({ name, from, namespaces }) => html`<li><div><b>${visible(name)}</b><span>from ${visible(from)}${namespaces && html`; in ${namespaces.join(', ')} and below`}</span></div></li>`)}</ul>`
}
${notes.map((note) => html`<div class="note" role="note">${note}</div>`)}
<div class="after">
<details><summary>${tools.may.length} of ${tools.may.length + tools.mayNot.length} tools are open to your assistants</summary><ul class="tools">${tools.may.map(open)}</ul></details>
${tools.mayNot.length > 0 && html`<details><summary>${tools.mayNot.length} ${tools.mayNot.length === 1 ? 'tool is' : 'tools are'} not</summary><ul class="tools">${tools.mayNot.map(closed)}</ul></details>`}
<details><summary>What your company's sign-in says of you</summary>
<dl><dt>Sign-in</dt><dd>${person.issuer}</dd><dt>Your id there</dt><dd><code>${visible(person.subject)}</code></dd>
<dt>Roles</dt><dd>${valuesOf(claims.roles)}</dd><dt>Groups</dt><dd>${valuesOf(claims.groups)}</dd></dl>
</details>
</div>
</section>`;

const open = ({ name, title, where }: ToolSeen): Html =>
  html`<li><b>${title}</b> <code>${name}</code>${where !== 'everywhere' && html` <span>in ${where.join(', ')} and below</span>`}</li>`;

const closed = ({ name, title, lacking }: ToolSeen): Html => html`<li><b>${title}</b> <code>${name}</code> <span>${lacking}</span></li>`;

const shownValues = 50;

const valuesOf = ({ name, values, from, unknown }: NamedValues): Html => {
  if (unknown === 'overage') return html`too many to be sent along`;
  if (unknown !== undefined) return html`sent in a form that this server can't read`;
  if (values.length === 0) return html`none`;
  const more = values.length - shownValues;
  return html`${values.slice(0, shownValues).map((value) => html`<code>${visible(value).slice(0, 200)}</code> `)}${more > 0 && html`and ${more} more `}<span class="soft">(claim ${name} of ${sources[from ?? 'id_token']})</span>`;
};
