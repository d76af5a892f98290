/* The wall of a layer's units: sorted and filtered; what is chosen stands in the address. */
"use strict";
(() => {
  const { $, all, two } = window.ATLAS;
  const data = JSON.parse($("#data").textContent);
  const form = $("#filters");
  const wall = $("#wall");
  const items = new Map(all("li", wall).map((item) => [item.dataset.channel, item]));
  const place = new Map(data.quantities.map((name, at) => [name, at]));
  const DEFAULTS = { sort: "channel", order: "down", kind: "" };
  const fields = all("input[name], select[name]", form);
  const number = (text) => (text.trim() === "" ? null : Number(text.replace(",", ".")));

  const read = () => {
    const state = new URLSearchParams(window.location.hash.slice(1));
    for (const field of fields) {
      const value = state.get(field.name) ?? DEFAULTS[field.name] ?? "";
      field.value = value;
      if (field.value !== value) field.value = DEFAULTS[field.name] ?? "";
    }
  };
  const write = () => {
    const state = new URLSearchParams();
    for (const field of fields) {
      if (field.value && field.value !== DEFAULTS[field.name]) state.set(field.name, field.value);
    }
    const hash = String(state);
    if (hash !== window.location.hash.slice(1)) {
      window.history.pushState(null, "", hash ? `#${hash}` : window.location.pathname);
    }
  };
  const show = () => {
    const { sort, order, kind } = Object.fromEntries(fields.map((field) => [field.name, field.value]));
    const limits = fields.filter((field) => /\.(min|max)$/.test(field.name))
      .map((field) => [field, place.get(field.name.slice(0, -4)), field.name.endsWith("min") ? 1 : -1, number(field.value)]);
    for (const [field, , , limit] of limits) {
      if (Number.isNaN(limit)) field.setAttribute("aria-invalid", "true");
      else field.removeAttribute("aria-invalid");
    }
    const used = limits.filter(([, , , limit]) => limit !== null && !Number.isNaN(limit));
    const inside = ([, kinds, values]) => (!kind || kinds.includes(kind))
      && used.every(([, at, sign, limit]) => values[at] !== null && sign * (values[at] - limit) >= 0);
    const at = place.get(sort);
    const sign = order === "up" ? 1 : -1;
    const kept = data.units.filter(inside);
    if (at !== undefined) {
      /* What is not known comes last, either way. */
      kept.sort((a, b) => (a[2][at] === null) - (b[2][at] === null) || sign * ((a[2][at] ?? 0) - (b[2][at] ?? 0)));
    }
    const told = at ?? place.get(data.main);
    wall.replaceChildren(...kept.map(([channel, , values]) => {
      const item = items.get(channel);
      $(".value", item).textContent = told === undefined ? "" : two(values[told]);
      return item;
    }));
    const option = told === undefined ? null : $(`option[value="${data.quantities[told]}"]`, form);
    $("#told").textContent = option ? option.textContent : "";
    $("#count").textContent = `${kept.length} of ${data.units.length} units`;
  };
  form.addEventListener("input", () => { write(); show(); });
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("reset", () => setTimeout(() => { fields.forEach((field) => { field.value = DEFAULTS[field.name] ?? ""; }); write(); show(); }));
  window.addEventListener("popstate", () => { read(); show(); });
  window.addEventListener("hashchange", () => { read(); show(); });
  read();
  show();
})();
