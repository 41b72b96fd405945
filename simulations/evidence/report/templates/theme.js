"use strict";
(() => {
  const root = document.documentElement, button = document.getElementById("theme");
  const dark = () => root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  const show = () => {
    button.textContent = dark() ? "Light" : "Dark";
    button.setAttribute("aria-label", dark() ? "Light colours" : "Dark colours");
    button.setAttribute("aria-pressed", String(dark()));
  };
  try { const kept = localStorage.getItem("sae-recovery-theme"); if (kept) root.dataset.theme = kept; } catch { /* a page of a file may keep nothing */ }
  button.addEventListener("click", () => {
    root.dataset.theme = dark() ? "light" : "dark";
    try { localStorage.setItem("sae-recovery-theme", root.dataset.theme); } catch { /* as above */ }
    show();
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", show);
  show();
  document.addEventListener("click", async (event) => {
    const copy = event.target.closest("[data-copy]");
    if (!copy) return;
    const text = copy.parentElement.querySelector("code").textContent;
    try { await navigator.clipboard.writeText(text); copy.textContent = "Copied"; } catch {
      getSelection().selectAllChildren(copy.parentElement.querySelector("code")); copy.textContent = "Selected";
    }
    setTimeout(() => { copy.textContent = "Copy"; }, 1500);
  });
  let shown; // paper is white, and holds everything
  addEventListener("beforeprint", () => {
    shown = root.dataset.theme;
    root.dataset.theme = "light";
    document.querySelectorAll("details.experiment").forEach((each) => { each.open = true; });
  });
  addEventListener("afterprint", () => { if (shown) root.dataset.theme = shown; else delete root.dataset.theme; });
})();
