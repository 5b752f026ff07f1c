/**
 * The whole look. System fonts, two palettes by the reader's own preference, one column that fits a phone. No image or font comes from
 * elsewhere. Contrast holds WCAG AA in both palettes.
 */
export const style = `
:root {
  color-scheme: light dark;
  --ground: #f5f4f8; --card: #ffffff; --ink: #1b1825; --soft: #5b566b; --line: #dedae8; --field: #f7f6fa;
  --edge: #8d8799; --accent: #6a26d9; --accent-ink: #ffffff; --accent-strong: #5518b8; --tint: #f1eafd;
  --warn-ground: #fff6e0; --warn-line: #e6c15c; --warn-ink: #5c4300; --bad: #b3261e;
  --shadow: 0 1px 2px rgb(27 24 37 / 6%), 0 12px 32px rgb(27 24 37 / 8%);
}
@media (prefers-color-scheme: dark) {
  :root {
    --ground: #121017; --card: #1c1924; --ink: #f1eff6; --soft: #b0aabf; --line: #353041; --field: #15121b;
    --edge: #777085; --accent: #b78cff; --accent-ink: #1c0d38; --accent-strong: #cdb0ff; --tint: #2a2040;
    --warn-ground: #2e2610; --warn-line: #7a6220; --warn-ink: #f5dd9a; --bad: #ff8f87;
    --shadow: none;
  }
}
* { box-sizing: border-box; }
html { font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", "Liberation Sans", sans-serif; -webkit-text-size-adjust: 100%; }
body { margin: 0; min-height: 100vh; display: flex; flex-direction: column; background: var(--ground); color: var(--ink); }
header { width: 100%; max-width: 34rem; margin: 0 auto; padding: 1.5rem 1.25rem 1rem; display: flex; align-items: center; gap: .65rem; }
.wide header { max-width: 46rem; }
header svg { flex: none; width: 2rem; height: 2rem; color: var(--accent); }
header b { font-weight: 650; letter-spacing: -.01em; white-space: nowrap; }
header span { color: var(--soft); margin-left: auto; font-size: .875rem; overflow-wrap: anywhere; text-align: right; }
main { width: 100%; max-width: 34rem; margin: 0 auto; padding: 0 1.25rem 2rem; flex: 1; }
.wide main { max-width: 46rem; }
.card { background: var(--card); border: 1px solid var(--line); border-radius: 1rem; box-shadow: var(--shadow); padding: 1.75rem; }
.card + .card { margin-top: 1rem; }
.card + p { margin: 1.25rem .25rem 0; }
section + p { margin: .75rem 0 0; }
section + p + p { margin-top: .25rem; }
h1 { font-size: 1.5rem; line-height: 1.25; letter-spacing: -.02em; margin: 0 0 .5rem; overflow-wrap: anywhere; text-wrap: balance; }
h2 { font-size: 1.0625rem; line-height: 1.35; letter-spacing: -.01em; margin: 0 0 .5rem; }
section + section, form > section { margin-top: 1.5rem; }
p { margin: 0 0 .75rem; }
p:last-child, ul:last-child, ol:last-child { margin-bottom: 0; }
a { color: var(--accent); text-underline-offset: .15em; }
.soft { color: var(--soft); }
.small { font-size: .875rem; }
.badge { display: inline-block; font-size: .75rem; font-weight: 600; line-height: 1.4; padding: .1rem .5rem; border-radius: 1rem; border: 1px solid var(--line); color: var(--soft); white-space: nowrap; vertical-align: .2em; letter-spacing: 0; }
.goes { border: 1px solid var(--line); border-radius: .75rem; background: var(--field); padding: .9rem 1rem; }
.goes strong { display: block; font-size: 1.625rem; line-height: 1.25; letter-spacing: -.02em; overflow-wrap: anywhere; }
.goes code { display: block; margin-top: .35rem; color: var(--soft); overflow-wrap: anywhere; }
.note { border: 1px solid var(--warn-line); border-left-width: .3rem; background: var(--warn-ground); color: var(--warn-ink); border-radius: .6rem; padding: .75rem .9rem; margin-top: .75rem; font-size: .9375rem; }
.note strong { display: block; }
.scopes { list-style: none; margin: 0; padding: 0; border: 1px solid var(--line); border-radius: .75rem; }
.scopes li { padding: .75rem 1rem; display: grid; grid-template-columns: 1.25rem 1fr; gap: 0 .75rem; align-items: start; }
.scopes li + li { border-top: 1px solid var(--line); }
.scopes svg { width: 1.25rem; height: 1.25rem; margin-top: .15rem; color: var(--accent); }
.scopes input { width: 1.25rem; height: 1.25rem; margin: .15rem 0 0; accent-color: var(--accent); }
.scopes label { cursor: pointer; }
.scopes b, .scopes label b { display: block; font-weight: 600; }
.scopes span { color: var(--soft); font-size: .9375rem; display: block; }
.actions { display: flex; gap: .75rem; margin-top: 1.5rem; }
.button { flex: 1; display: inline-flex; justify-content: center; align-items: center; min-height: 2.875rem; padding: .5rem 1.25rem; border-radius: .7rem; border: 1px solid var(--line); background: var(--card); color: var(--ink); font: inherit; font-weight: 600; text-decoration: none; text-align: center; cursor: pointer; overflow-wrap: anywhere; }
.button:hover { border-color: var(--soft); }
.button.main { background: var(--accent); border-color: var(--accent); color: var(--accent-ink); }
.button.main:hover { background: var(--accent-strong); border-color: var(--accent-strong); }
:focus-visible { outline: .1875rem solid var(--accent); outline-offset: .1875rem; }
code, pre { font-family: ui-monospace, SFMono-Regular, Menlo, Consolas, "Liberation Mono", monospace; font-size: .875rem; }
pre { margin: .5rem 0 .75rem; padding: .75rem .9rem; background: var(--field); border: 1px solid var(--line); border-radius: .6rem; white-space: pre-wrap; overflow-wrap: anywhere; user-select: all; -webkit-user-select: all; }
pre.url { word-break: break-all; font-size: 1.0625rem; font-weight: 600; border-color: var(--accent); background: var(--tint); }
details { border-top: 1px solid var(--line); }
summary + pre { margin-top: 0; }
summary { cursor: pointer; font-weight: 600; padding: .85rem .25rem; }
summary:hover { color: var(--accent-strong); }
details > :not(summary) { margin-left: .25rem; margin-right: .25rem; }
details > :last-child { margin-bottom: 1.1rem; }
details:last-child > :last-child { margin-bottom: 0; }
ol { padding-left: 1.35rem; margin: 0 0 .75rem; }
li + li { margin-top: .25rem; }
.scopes li + li { margin-top: 0; }
.big { font-size: 1.0625rem; }
.mark { width: 3rem; height: 3rem; margin-bottom: .75rem; display: block; }
.mark.good { color: var(--accent); }
.mark.bad { color: var(--bad); }
.mark.calm { color: var(--soft); }
.after { margin-top: 1rem; }
.goes + .after { margin-top: .75rem; }
.goes > span { display: block; }
.kicker { margin: 0; color: var(--soft); font-size: .875rem; }
.person { display: flex; flex-wrap: wrap; align-items: center; justify-content: space-between; gap: 1rem; }
.person div { min-width: 0; overflow-wrap: anywhere; }
.person h1, .person p { margin-bottom: 0; }
.notice { margin: 0 0 1rem; padding: .75rem 1rem; border-radius: .7rem; border: 1px solid var(--line); background: var(--field); }
.notice.good { border-color: var(--accent); background: var(--tint); }
.notice.bad { border-color: var(--bad); color: var(--bad); background: var(--card); font-weight: 600; }
.list { list-style: none; margin: 0; padding: 0; border: 1px solid var(--line); border-radius: .75rem; }
.list li, .row { display: flex; align-items: center; justify-content: space-between; gap: .75rem 1rem; padding: .75rem 1rem; margin: 0; }
.row { border: 1px solid var(--line); border-radius: .75rem; margin-bottom: .75rem; }
.list li + li { border-top: 1px solid var(--line); }
.list form, .row form { flex: none; }
.list div, .row div { min-width: 0; overflow-wrap: anywhere; }
.list span, .row span { display: block; color: var(--soft); font-size: .9375rem; }
.tools { list-style: none; padding: 0; margin-top: 0; columns: 18rem; column-gap: 1.5rem; }
.tools li { padding: .35rem 0; overflow-wrap: anywhere; break-inside: avoid; }
.tools li + li { margin: 0; }
.tools b { font-weight: 500; }
.tools code, .tools span { color: var(--soft); }
.tools span { display: block; font-size: .875rem; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .35rem 1rem; margin: 0; }
dt { color: var(--soft); }
dd { margin: 0; min-width: 0; overflow-wrap: anywhere; }
.fields { display: grid; gap: .35rem; justify-items: start; }
.fields label { font-weight: 600; }
.fields label + input { margin-bottom: .35rem; }
input[type="text"], input[type="password"] { width: 100%; min-height: 2.875rem; padding: .5rem .85rem; font: inherit; color: var(--ink); background: var(--field); border: 1px solid var(--edge); border-radius: .7rem; }
.button.small { flex: none; white-space: nowrap; min-height: 2.375rem; padding: .3rem .95rem; font-size: .9375rem; }
.button.danger { color: var(--bad); border-color: var(--bad); }
.button.danger:hover { background: var(--bad); color: var(--card); }
@media (max-width: 30rem) {
  .list li, .row { flex-direction: column; align-items: stretch; }
  .list form .button, .row form .button, .fields .button, .again .button { width: 100%; }
  dl { grid-template-columns: 1fr; gap: 0; }
  dd + dt { margin-top: .5rem; }
  .card { padding: 1.25rem; border-radius: .85rem; }
  h1 { font-size: 1.3125rem; }
  .goes strong { font-size: 1.375rem; }
  pre.url { font-size: .875rem; }
  header { padding-top: 1.1rem; }
  header span { font-size: .8125rem; }
  .actions { flex-direction: column; }
  .button { flex: none; }
}
@media (forced-colors: active) { .button.main { border-width: .2rem; } }
`;
