// Runs in the page: what a reader with another screen, eye or hand would stumble over. Gives one line for each thing found.
(() => {
  const found = [];
  const say = (what, element) => found.push(element ? `${what}: ${element.outerHTML.slice(0, 120)}` : what);
  const visible = (element) => element.checkVisibility({ visibilityProperty: true, opacityProperty: true });
  const all = (selector) => [...document.querySelectorAll(selector)].filter(visible);
  const nameOf = (element) =>
    element.getAttribute('aria-label') ?? ([...(element.labels ?? [])].map((label) => label.textContent).join(' ') || element.textContent);

  if (document.documentElement.lang === '') say('the language is not said');
  if (document.title === '') say('no title');
  if (!document.querySelector('meta[name=viewport]')) say('made for a wide screen');
  if (all('main').length !== 1) say('not one main part');
  if (all('h1').length !== 1) say(`${all('h1').length} first headings`);
  let level = 0;
  for (const heading of all('h1, h2, h3, h4')) {
    if (Number(heading.tagName[1]) > level + 1) say('a level of headings is left out', heading);
    level = Number(heading.tagName[1]);
  }
  for (const field of all('input, select, textarea')) if (field.type !== 'hidden' && field.labels.length === 0) say('no label', field);
  for (const thing of all('a, button, summary')) if (nameOf(thing).trim() === '') say('no name', thing);
  for (const picture of all('svg, img')) {
    if (picture.getAttribute('aria-hidden') !== 'true' && !picture.getAttribute('alt')) say('a picture without words', picture);
  }
  const ids = [...document.querySelectorAll('[id]')].map(({ id }) => id);
  for (const id of new Set(ids)) if (ids.filter((other) => other === id).length > 1) say(`twice the id ${id}`);
  for (const by of document.querySelectorAll('[aria-labelledby], [aria-describedby]')) {
    const named = `${by.getAttribute('aria-labelledby') ?? ''} ${by.getAttribute('aria-describedby') ?? ''}`.trim();
    for (const id of named.split(/\s+/)) if (!ids.includes(id)) say(`there is no ${id}`, by);
  }
  // WCAG 2.2: 1.4.10 and 2.5.8.
  const { scrollWidth, clientWidth } = document.documentElement;
  if (scrollWidth > clientWidth) say(`wider than the screen: ${scrollWidth} of ${clientWidth}`);
  for (const target of all('button, summary, input, a.button')) {
    const { width, height } = (target.labels?.[0] ?? target).getBoundingClientRect();
    if (Math.min(width, height) < 24) say(`only ${width} by ${height}`, target);
  }
  for (const inner of all('.card *')) {
    if (inner.getBoundingClientRect().right > inner.closest('.card').getBoundingClientRect().right) say('sticks out of its card', inner);
  }

  // WCAG 1.4.3, by colours as they are computed: "rgb(r, g, b)" or with an alpha.
  const parse = (colour) => (colour.match(/[\d.]+/g) ?? []).map(Number);
  const luminance = ([r, g, b]) => {
    const [lr, lg, lb] = [r, g, b].map((part) => (part / 255 <= 0.04045 ? part / 255 / 12.92 : ((part / 255 + 0.055) / 1.055) ** 2.4));
    return 0.2126 * lr + 0.7152 * lg + 0.0722 * lb;
  };
  const groundOf = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const colour = parse(getComputedStyle(at).backgroundColor);
      if (colour.length === 3 || colour[3] === 1) return colour;
    }
    return [255, 255, 255];
  };
  const texts = all('body *').filter((element) => [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim() !== ''));
  for (const element of texts) {
    const style = getComputedStyle(element);
    const [lighter, darker] = [luminance(parse(style.color)), luminance(groundOf(element))].sort((a, b) => b - a);
    const ratio = (lighter + 0.05) / (darker + 0.05);
    const size = Number.parseFloat(style.fontSize);
    const large = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700);
    if (ratio < (large ? 3 : 4.5)) say(`contrast ${ratio.toFixed(2)}`, element);
  }
  if (texts.length === 0) say('no text at all');
  return found;
})();
