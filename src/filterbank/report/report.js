for (const table of document.querySelectorAll("table.sortable")) {
  const heads = [...table.tHead.rows[0].cells];
  heads.forEach((head, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => {
      const up = head.getAttribute("aria-sort") === "descending";
      heads.forEach((other) => other.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", up ? "ascending" : "descending");
      const value = (row) => row.cells[column].textContent.replaceAll(",", "");
      const number = head.classList.contains("n");
      const order = (a, b) => number ? (parseFloat(value(a)) || 0) - (parseFloat(value(b)) || 0) : value(b).localeCompare(value(a));
      const rows = [...table.tBodies[0].rows].sort((a, b) => (up ? 1 : -1) * order(a, b));
      table.tBodies[0].append(...rows);
    });
  });
}
