// What the tests ask of a page, as window.probe.
window.probe = (() => {
  const all = (selector) => [...document.querySelectorAll(selector)];
  const seen = (node) => node.getClientRects().length > 0 && getComputedStyle(node).visibility !== "hidden";
  const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const colours = new Map();
  const rgb = (text) => {
    if (!colours.has(text)) {
      canvas.clearRect(0, 0, 1, 1);
      canvas.fillStyle = text;
      canvas.fillRect(0, 0, 1, 1);
      const found = [...canvas.getImageData(0, 0, 1, 1).data];
      colours.set(text, [...found.slice(0, 3), found[3] / 255]);
    }
    return colours.get(text);
  };
  // Relative luminance of sRGB, WCAG 2.2.
  const linear = (each) => (each / 255 <= 0.04045 ? each / 255 / 12.92 : ((each / 255 + 0.055) / 1.055) ** 2.4);
  const luminance = ([r, g, b]) => 0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b);
  const behind = (node) => {
    for (let each = node; each; each = each.parentElement) {
      const found = rgb(getComputedStyle(each).backgroundColor);
      if (found[3] > 0.5) return found;
    }
    return [255, 255, 255, 1];
  };
  const contrast = (colour, node) => {
    const [a, b] = [luminance(rgb(colour)), luminance(behind(node))];
    return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
  };
  const named = (node) => [node.tagName, node.getAttribute("class") ?? "", node.textContent.trim().slice(0, 40)];
  return {
    // The contrast of every text that is seen with what is behind it.
    contrasts: () => all("body *").filter((node) => {
      const own = [...node.childNodes].some((each) => each.nodeType === 3 && each.textContent.trim());
      return own && seen(node) && !["SCRIPT", "STYLE", "title"].includes(node.tagName) && !node.closest("noscript, .skip");
    }).map((node) => {
      const inside = node.ownerSVGElement, style = getComputedStyle(node);
      return [contrast(inside ? style.fill : style.color, inside ?? node), ...named(node)];
    }),
    // The contrast of lines and dots that carry meaning.
    marks: () => all(".line, .span, .mean, .threshold, .badge svg, .point").filter(seen).map((node) => {
      const style = getComputedStyle(node);
      const colour = node.matches(".point") ? style.fill : node.matches("svg") ? style.color : style.stroke;
      return [node.matches(".point.open") ? 99 : contrast(colour, node.ownerSVGElement ?? node), ...named(node)];
    }),
    wide: () => all("body *").filter((node) => !node.closest(".scroll, nav, .skip, dialog:not([open])")
      && node.getBoundingClientRect().right > innerWidth + 1).map(named),
    unfold: () => all("details").forEach((each) => { each.open = true; }),
    rows: () => all("#table tbody tr").map((line) => [...line.cells].slice(1).map((each) => each.textContent)),
    count: () => document.getElementById("count").textContent,
    choose: (name, value) => {
      const field = document.querySelector(`#filters [name=${name}]`);
      field.value = value;
      field.dispatchEvent(new Event("input", { bubbles: true }));
    },
    press: (selector, word) => all(selector).find((each) => !word || each.textContent === word).click(),
    open: (part, which) => {
      const mark = all(`${part} .hit`)[which];
      mark.dispatchEvent(new MouseEvent("click", { bubbles: true }));
      return mark.querySelector("title").textContent;
    },
    codes: () => all("#cell code").map((each) => each.textContent),
    cards: () => all(".card").filter(seen).map((each) => each.dataset.slug),
    badges: () => all(".card .badge").map((each) => [each.textContent.trim(), each.querySelector("svg").innerHTML]),
    stops: () => all("svg.panel").map((each) => each.querySelectorAll('[tabindex="0"]').length),
    save: (name) => new Promise((done) => {
      const real = URL.createObjectURL;
      URL.createObjectURL = (blob) => { blob.text().then(done); return real.call(URL, blob); };
      HTMLAnchorElement.prototype.click = () => {};
      document.querySelector(`[data-save="${name}"]`).click();
    }),
  };
})();
