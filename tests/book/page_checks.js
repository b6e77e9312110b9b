// What test_browser.py asks of an open page: each function returns a list of complaints.
window.checks = (() => {
  const start = (text) => text.trim().replace(/\s+/g, " ").slice(0, 60);
  const where = (e) => [e.localName, ...e.classList].join(".") + ` “${start(e.textContent)}”`;
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];

  function* textNodes(root) {
    const walker = document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
    while (walker.nextNode()) if (walker.currentNode.data.trim()) yield walker.currentNode;
  }

  // Everything that a reader can unfold.
  function unfold() {
    for (const e of all("details")) e.open = true;
    for (const e of all(".toggle-hidden")) e.classList.remove("toggle-hidden");
  }

  const NOT_PROSE = "code, pre, kbd, script, style, noscript, template, textarea, mjx-container";
  const RAW = /\\[()[\]]|\$\$|\$[^$\n]+\$|\\[a-zA-Z]{2,}/;

  function formulas() {
    const raw = [...textNodes(document.body)].filter(
      (node) => RAW.test(node.data) && !node.parentElement.closest(NOT_PROSE));
    const count = (e) => all("mjx-container", e).length;
    return [
      ...raw.map((node) => `raw: ${start(node.data)}`),
      ...all(".math").filter((e) => count(e) !== 1).map((e) => `${count(e)} in ${where(e)}`),
      ...all("mjx-container").filter((e) => !e.closest(".math")).map((e) => `stray: ${where(e)}`),
      ...all("mjx-merror").map((e) => `error: ${e.title || e.dataset.mjxError || where(e)}`),
      // MathJax prints a command that it does not know, in red; the copy for listeners has it too
      ...all("mjx-assistive-mml").filter((e) => e.textContent.includes("\\")).map(where),
    ];
  }

  function images() {
    const name = (e) => (e.getAttribute("src") ?? "").slice(-60);
    return [
      ...[...document.images].filter((e) => !e.naturalWidth).map((e) => `not there: ${name(e)}`),
      ...[...document.images].filter((e) => !e.alt.trim()).map((e) => `no words: ${name(e)}`),
    ];
  }

  function width() {
    const [wide, room] = [document.documentElement.scrollWidth, innerWidth];
    if (wide <= room + 1) return [];
    const range = document.createRange();
    const right = (node) => (range.selectNode(node), range.getBoundingClientRect().right);
    const style = (node) => (node.nodeType === Node.ELEMENT_NODE ? getComputedStyle(node) : {});
    const apart = (node) => node !== document.body && (style(node).position === "fixed"
      || style(node.parentElement).overflowX !== "visible" || apart(node.parentElement));
    const out = [...all("body *"), ...textNodes(document.body)]
      .filter((node) => right(node) > room + 1 && !apart(node))
      .map((node) => (node.nodeType === Node.TEXT_NODE ? node.parentElement : node));
    return [`${wide} of ${room} px: ${[...new Set(out)].slice(-3).map(where).join("; ")}`];
  }

  // Colours are [red, green, blue, alpha], the alpha from 0 to 1.
  const brush = Object.assign(document.createElement("canvas"), { width: 1, height: 1 })
    .getContext("2d", { willReadFrequently: true });
  const known = new Map();
  function colour(css) {
    if (!known.has(css)) {
      brush.clearRect(0, 0, 1, 1);
      brush.fillStyle = css;
      brush.fillRect(0, 0, 1, 1);
      const [r, g, b, a] = brush.getImageData(0, 0, 1, 1).data;
      known.set(css, [r, g, b, a / 255]);
    }
    return known.get(css);
  }
  const over = (top, below) =>
    [0, 1, 2].map((i) => top[3] * top[i] + (1 - top[3]) * below[i]).concat(1);

  // The colour behind an element, and the opacity with which it is drawn.
  function ground(e, seen) {
    if (!e) return [[255, 255, 255, 1], 1];
    if (!seen.has(e)) {
      const style = getComputedStyle(e);
      const [below, opacity] = ground(e.parentElement, seen);
      seen.set(e, [over(colour(style.backgroundColor), below), opacity * style.opacity]);
    }
    return seen.get(e);
  }

  // WCAG 2.2: relative luminance, and the ratio of two of them.
  function luminance(rgb) {
    const linear = rgb.slice(0, 3).map((v) => v / 255)
      .map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4));
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2];
  }
  function contrast(e, seen) {
    const [below, opacity] = ground(e, seen);
    const [r, g, b, a] = colour(getComputedStyle(e).color);
    const pair = [luminance(over([r, g, b, a * opacity], below)), luminance(below)];
    return (Math.max(...pair) + 0.05) / (Math.min(...pair) + 0.05);
  }

  // A page that is already open hears of another scheme a moment later.
  async function theme(scheme, patience = 60) {
    while (document.documentElement.dataset.theme !== scheme && patience--)
      await new Promise((resume) => setTimeout(resume, 50));
    return document.documentElement.dataset.theme;
  }

  async function colours(scheme) {
    const found = await theme(scheme);
    if (found !== scheme) return [`the theme is ${found}, asked for was ${scheme}`];
    const article = document.querySelector("article");
    if (!article) return []; // the theme's search page
    const elements = new Set([...textNodes(article)].map((node) => node.parentElement)
      .filter((e) => !e.closest("script, style, mjx-container")));
    for (const e of all("mjx-container", article)) elements.add(e);
    const [complaints, seen] = [new Map(), new Map()]; // one complaint of a kind
    for (const e of elements) {
      if (!e.checkVisibility({ opacityProperty: true, visibilityProperty: true })) continue;
      const ratio = contrast(e, seen);
      const needed = e.closest("h1, h2, h3, h4, h5, h6") ? 3 : 4.5;
      const kind = `${scheme}: ${ratio.toFixed(1)} of ${needed}, ${getComputedStyle(e).color}`;
      if (ratio < needed && !complaints.has(kind)) complaints.set(kind, where(e));
    }
    return [...complaints].map(([kind, place]) => `${kind} in ${place}`);
  }

  return { unfold, formulas, images, width, colours };
})();
