"use strict";
// The page reads well without any of this: it adds finding, sorting, copying, and opens all for print.
for (const tools of document.querySelectorAll(".tools")) {
  const body = document.getElementById(tools.dataset.for).tBodies[0];
  const [find, column, told] = ["input", "select", "output"].map((name) => tools.querySelector(name));
  const rows = [...body.rows];
  const narrow = () => {
    const words = find.value.toLowerCase().split(/\s+/).filter(Boolean);
    let seen = 0;
    for (const row of rows) {
      const text = row.textContent.toLowerCase();
      const here = !column.value || row.querySelector("[data-column]").textContent === column.value;
      row.hidden = !(here && words.every((word) => text.includes(word)));
      seen += !row.hidden;
    }
    told.value = `${seen} of ${rows.length} shown`;
  };
  find.addEventListener("input", narrow);
  column.addEventListener("change", narrow);
  narrow();
  tools.hidden = false;
}
for (const head of document.querySelectorAll("th[data-sort]")) {
  const button = document.createElement("button");
  button.type = "button";
  button.append(...head.childNodes);
  head.append(button);
  button.addEventListener("click", () => {
    const falling = head.getAttribute("aria-sort") === "ascending";
    for (const other of head.parentNode.cells) other.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", falling ? "descending" : "ascending");
    const body = head.closest("table").tBodies[0];
    const key = (row) => row.cells[head.cellIndex].dataset.value ?? row.cells[head.cellIndex].textContent.trim();
    const words = new Intl.Collator("en", { numeric: true }).compare;
    const order = (one, two) => (isNaN(one) || isNaN(two) ? words(one, two) : one - two);
    const rows = [...body.rows].sort((one, two) => order(key(one), key(two)));
    body.append(...(falling ? rows.reverse() : rows));
  });
}
for (const button of document.querySelectorAll("[data-copy]")) {
  button.hidden = false;
  button.addEventListener("click", async () => {
    const code = document.getElementById(button.dataset.copy);
    try {
      await navigator.clipboard.writeText(code.textContent);
      button.textContent = "Copied";
    } catch {
      getSelection().selectAllChildren(code);
      button.textContent = "Selected";
    }
    setTimeout(() => (button.textContent = "Copy"), 1600);
  });
}
addEventListener("beforeprint", () => {
  for (const part of document.querySelectorAll("details")) part.open = true;
});
