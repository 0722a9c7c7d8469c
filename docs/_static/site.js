/* What scrolls by itself can be reached by keyboard. */
addEventListener("load", () => {
  for (const box of document.querySelectorAll("pre, .table-wrapper, .cell_output .output")) {
    if (box.scrollWidth > box.clientWidth) box.tabIndex = 0;
  }
});
