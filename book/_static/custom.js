// What the pages lack for readers who listen, use the keyboard, or print.
addEventListener("load", () => {
  // each solution's button says whose solution it unfolds
  let exercise = "";
  for (const box of document.querySelectorAll("div.exercise, div.solution")) {
    const title = box.querySelector(".admonition-title");
    if (box.matches(".exercise")) exercise = title.textContent.trim();
    const button = box.matches(".solution") && title.querySelector("button.toggle-button");
    if (!button) continue;
    const whose = exercise;
    const name = () => {
      button.setAttribute("aria-label", `${button.dataset.toggleHint}: solution of ${whose}`);
    };
    name();
    title.addEventListener("click", name); // the hint changes with each click
  }

  // a formula in a sentence does not scroll: it is no stop for the tab key
  window.MathJax?.startup?.promise.then(() => {
    const inline = document.querySelectorAll("mjx-container:not([display])");
    for (const formula of inline) formula.tabIndex = -1;
  });
});

// paper is white
{
  const page = document.documentElement;
  let theme;
  addEventListener("beforeprint", () => {
    theme = page.dataset.theme;
    page.dataset.theme = "light";
  });
  addEventListener("afterprint", () => {
    page.dataset.theme = theme;
  });
}
