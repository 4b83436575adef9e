// Elements from words. Whatever comes from the API becomes text, never markup.

/** An element; attributes that are `null` are left out, children may be texts, elements or nothing. */
export function el(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name === "class") element.className = value;
    else if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : String(value));
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== ""));
  return element;
}

/** The element of this name on the page. */
export const by = (id) => document.getElementById(id);

/** Sets a text, if it is another one: who reads along with a screen reader is not told the same again. */
export function say(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** An element of a drawing. */
export function draw(tag, attributes) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  return element;
}

/** A table with a head that stays; columns are `{ name, is_number, is_long, of }`, of which `of` makes a text or an element of a row. */
export function table(caption, columns, rows, attributes_of = () => ({})) {
  const kind = (column) => (column.is_number ? "num" : column.is_long ? "long" : null);
  const head = el("tr", {}, columns.map((column) => el("th", { scope: "col", class: kind(column) }, column.name)));
  const lines = rows.map((row) =>
    el("tr", attributes_of(row), columns.map((column) => el("td", { class: kind(column), "data-name": column.name }, column.of(row)))));
  return el("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": caption },
    el("table", {}, el("caption", { class: "hidden" }, caption), el("thead", {}, head), el("tbody", {}, lines)));
}
