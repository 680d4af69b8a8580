/* What a machine can say about the readability of a page, shadow trees included: contrast (WCAG 2.2, 1.4.3), names of controls
   (4.1.2), size of targets (2.5.8), scrollable parts that the keyboard cannot reach (2.1.1), reflow (1.4.10), ids, language.
   Gives [problems, number of different texts looked at]. */
() => {
  const problems = [], seen = new Set();
  const channels = (color) => color.match(/[\d.]+/g).map(Number);
  const above = (element) => element.parentElement ?? element.getRootNode().host ?? null;
  const ground = (element) => {
    for (let at = element; at; at = above(at)) {
      const [r, g, b, a = 1] = channels(getComputedStyle(at).backgroundColor);
      if (a === 1) return [r, g, b];
      if (a > 0) problems.push(`translucent ground under ${element.localName}.${element.className}`);
    }
    return matchMedia('(prefers-color-scheme: dark)').matches ? [18, 18, 18] : [255, 255, 255];
  };
  const light = (rgb) => rgb.slice(0, 3).map((c) => c / 255)
    .map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4))
    .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
  const contrast = (a, b) => { const [x, y] = [light(a), light(b)].sort((p, q) => q - p); return (x + 0.05) / (y + 0.05); };
  const check = (element) => {
    const style = getComputedStyle(element), box = element.getBoundingClientRect();
    const shown = element.checkVisibility({ visibilityProperty: true, contentVisibilityAuto: true }) && box.width > 1;
    if (element.id) {
      const root = element.getRootNode(), same = root.querySelectorAll('#' + CSS.escape(element.id));
      if (same.length > 1) problems.push(`id ${element.id} stands ${same.length} times`);
    }
    if (!shown) return;
    const text = [...element.childNodes].filter((n) => n.nodeType === 3 && n.data.trim()).map((n) => n.data.trim()).join(' ');
    if (text && !style.clipPath.startsWith('inset')) {
      const size = parseFloat(style.fontSize), large = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700);
      const found = contrast(channels(style.color), ground(element));
      if (found < (large ? 3 : 4.5)) problems.push(`contrast ${found.toFixed(2)}: ${text.slice(0, 40)}`);
      seen.add(text);
    }
    const control = element.matches('button, input, select, textarea, summary, a[href]');
    if (control) {
      const name = element.getAttribute('aria-label') || element.textContent.trim() || [...(element.labels ?? [])].join('');
      if (!name) problems.push(`no name: ${element.outerHTML.slice(0, 80)}`);
      if (style.display !== 'inline' && Math.min(box.width, box.height) < 24 && !element.closest('.skip'))
        problems.push(`small target ${box.width.toFixed()}x${box.height.toFixed()}: ${name.slice(0, 40)}`);
    }
    if (element.scrollWidth > element.clientWidth + 1 && ['auto', 'scroll'].includes(style.overflowX)
        && element.tabIndex < 0 && element.localName !== 'textarea')
      problems.push(`scrolls but takes no focus: ${element.localName}.${element.className}`);
  };
  const walk = (root) => { for (const element of root.querySelectorAll('*')) { check(element); if (element.shadowRoot) walk(element.shadowRoot); } };
  walk(document);
  if (document.documentElement.scrollWidth > innerWidth + 1) problems.push(`the page is ${document.documentElement.scrollWidth} wide`);
  if (!document.documentElement.lang || !document.title || document.querySelectorAll('h1').length !== 1) problems.push('lang, title or h1');
  return [problems, seen.size];
}
