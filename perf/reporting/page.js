// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
//
// Hands the plots of a report to Chart.js. What a plot shows is decided in plots.py.
"use strict";

// A test reads these off the document: a report that cannot draw says so.
const page = document.documentElement;
page.dataset.errors = "";
function note(what) {
  page.dataset.errors += what + "\n";
}
addEventListener("error", (event) => note(event.message));
const complain = console.error;
console.error = (...what) => {  // what Chart.js cannot draw it says there
  note(what.join(" "));
  complain.apply(console, what);
};
document.addEventListener("securitypolicyviolation", (event) =>
  note("refused by policy: " + event.violatedDirective + " " + event.blockedURI));

const plots = JSON.parse(document.getElementById("plots").textContent);
const charts = [];

function colour(name) {
  return getComputedStyle(page).getPropertyValue("--" + name).trim();
}

function figure(value) {
  if (value === 0) return "0";
  const digits = Math.max(0, 2 - Math.floor(Math.log10(Math.abs(value)) + 1e-9));
  return String(Number(value.toFixed(Math.min(digits, 8))));
}

const larger = {
  ns: [[1e9, "s"], [1e6, "ms"], [1e3, "us"], [0, "ns"]],
  "/s": [[1e9, "G/s"], [1e6, "M/s"], [1e3, "k/s"], [0, "/s"]],
};

function written(value, unit) {
  for (const [least, name] of larger[unit] || []) {
    if (value >= least * 0.9995) return figure(value / (least || 1)) + " " + name;
  }
  return figure(value) + (unit ? " " + unit : "");
}

// Few round numbers within a logarithmic axis: 1, 2 and 5 where there is room, powers of ten else.
function roundNumbers(min, max) {
  const decades = Math.log10(max / min);
  const steps = decades > 2.2 ? [1] : decades > 1.1 ? [1, 3] : [1, 1.5, 2, 3, 5, 7];
  const stride = decades > 6 ? 2 : 1;
  const found = [];
  for (let power = Math.floor(Math.log10(min)); power <= Math.log10(max); ++power) {
    if (power % stride) continue;
    for (const step of steps) {
      const value = step * 10 ** power;
      if (value >= min * 0.9999 && value <= max * 1.0001) found.push({ value });
    }
  }
  return found;
}

function logarithmic(axis, unit, more) {
  return {
    type: "logarithmic", min: axis.min, max: axis.max,
    afterBuildTicks: (scale) => { scale.ticks = roundNumbers(axis.min, axis.max); },
    grid: { color: colour("grid"), borderColor: colour("grid") },
    ticks: { color: colour("quiet"), maxRotation: 0, callback: (value) => written(value, unit) },
    title: { display: Boolean(axis.title), text: axis.title, color: colour("quiet") },
    ...more,
  };
}

// Plots of one group have labels of one width, so that their scales lie above each other.
function widthOf(group, side) {
  const pen = document.createElement("canvas").getContext("2d");
  pen.font = "bold " + Chart.defaults.font.size + "px " + Chart.defaults.font.family;
  let widest = 0;
  for (const { spec } of Object.values(plots)) {
    if (spec.group !== group) continue;
    for (const row of spec.rows) {
      for (const line of [row[side]].flat()) widest = Math.max(widest, pen.measureText(line).width);
    }
  }
  return Math.ceil(widest) + 14;
}

// On a phone the label of a row stands above it, so that the row has the whole width.
const phone = matchMedia("(max-width: 34rem)");

function aside(spec, text) {
  if (text === "label" && phone.matches) {
    return { afterFit: (scale) => { scale.width = 4; },
             ticks: { autoSkip: false, mirror: true, labelOffset: -15, padding: 0,
                      showLabelBackdrop: true, backdropColor: colour("paper"),
                      backdropPadding: 1 } };
  }
  const width = widthOf(spec.group, text);
  return { afterFit: (scale) => { scale.width = width; },
           ticks: { autoSkip: false, padding: 4 } };
}

function textOf(row, text) {
  return phone.matches ? [row[text]].flat().join(" ") : row[text];
}

// A label for each row, to the left, and what it comes to, to the right.
function rowAxis(spec, side, text, style) {
  const rows = spec.rows;
  const place = aside(spec, text);
  return {
    type: "linear", position: side, reverse: true, min: -0.6, max: rows.length - 0.4,
    afterBuildTicks: (scale) => { scale.ticks = rows.map((_, i) => ({ value: i })); },
    afterFit: place.afterFit,
    grid: { display: false, drawBorder: false },
    ticks: { ...place.ticks, callback: (value) => textOf(rows[value], text),
             color: (at) => colour(style(rows[at.index] || {}).colour),
             font: (at) => ({ weight: style(rows[at.index] || {}).bold ? "bold" : "normal" }) },
  };
}

const verdictColour = { faster: "ours", even: "quiet", slower: "loss" };
const verdictShape = { faster: "circle", even: "rect", slower: "triangle" };

function forest(spec) {
  const one = { label: "", data: [{ x: 1, y: -0.6 }, { x: 1, y: spec.rows.length - 0.4 }],
                showLine: true, pointRadius: 0, borderColor: colour("text"), borderWidth: 1,
                borderDash: [4, 3], hitRadius: 0, order: 3 };
  // A row without a verdict is a heading.
  const shown = spec.rows.flatMap((row, i) => row.verdict ? [{ ...row, y: i }] : []);
  const ranges = shown.map((row) => (
    { label: "", data: [{ x: row.low, y: row.y }, { x: row.high, y: row.y }], showLine: true,
      pointRadius: 0, hitRadius: 0, borderWidth: 3, order: 2,
      borderColor: colour(verdictColour[row.verdict]) }));
  const medians = {
    label: "ratios", counted: true, order: 1, pointRadius: 5, pointHoverRadius: 7,
    data: shown.map((row) => ({ x: row.median, y: row.y })),
    pointStyle: shown.map((row) => verdictShape[row.verdict]),
    pointBorderColor: shown.map((row) => colour(verdictColour[row.verdict])),
    pointBackgroundColor: shown.map(
      (row) => colour(row.few ? "paper" : verdictColour[row.verdict])),
    pointBorderWidth: 2,
  };
  const style = (row) => ({
    colour: row.verdict === "slower" ? "loss" : row.verdict ? "text" : "quiet",
  });
  return {
    type: "scatter", data: { datasets: [medians, ...ranges, one] },
    options: {
      scales: {
        x: logarithmic({ ...spec, title: "times as fast" }, ""),
        y: rowAxis(spec, "left", "label", style),
        figures: rowAxis(spec, "right", "text", style),
      },
      plugins: { tooltip: { callbacks: { label: (at) => {
        const row = shown[at.dataIndex];
        return [row.label].flat().join(" ") + ": " + row.says + (row.few ? ", of few rounds" : "");
      } } } },
    },
  };
}

function bars(spec) {
  const shade = (row) => colour(row.kind);
  const values = {
    label: "medians", counted: true, order: 2, grouped: false,
    maxBarThickness: phone.matches ? 8 : 18,
    data: spec.rows.map((row) => row.value), backgroundColor: spec.rows.map(shade),
  };
  const spread = {
    label: "", order: 1, grouped: false, barThickness: 2, backgroundColor: colour("text"),
    data: spec.rows.map((row) => [row.low, row.high]),
  };
  const names = (side, text) => ({
    type: "category", position: side, offset: true,
    labels: spec.rows.map((row) => textOf(row, text)), afterFit: aside(spec, text).afterFit,
    grid: { display: false, drawBorder: false },
    ticks: { ...aside(spec, text).ticks, color: colour("text"), font: (at) => (
      { weight: (spec.rows[at.index] || {}).kind === "ours" ? "bold" : "normal" }) },
  });
  const title = spec.unit === "ns" ? "less is better" : "";
  return {
    type: "bar",
    data: { labels: spec.rows.map((row) => row.label), datasets: [values, spread] },
    options: {
      indexAxis: "y",
      scales: { x: logarithmic({ ...spec, title }, spec.unit),
                y: names("left", "label"),
                figures: names("right", "text") },
      plugins: { tooltip: { callbacks: { label: (at) => {
        const row = spec.rows[at.dataIndex];
        return row.text + " (p10 to p90: " + written(row.low, spec.unit) + " to " +
          written(row.high, spec.unit) + ")";
      } } } },
    },
  };
}

// The points of a series: joined, or aside and hollow; and their ranges.
function seriesOf(each, spec) {
  const shade = colour(each.colour);
  const width = each.ours ? 3 : 1.5;
  const look = { borderColor: shade, pointBorderColor: shade, pointStyle: each.shape,
                 pointRadius: each.ours ? 6 : 5, pointBorderWidth: each.ours ? 2 : 1.5 };
  const order = each.ours ? 2 : 1;  // ours are larger: what lies over them leaves them seen
  const base = each.colour === "floor";
  const made = [];
  const at = ([x, y]) => ({ x, y });
  made.push({ ...look, label: each.name, counted: true, data: each.points.map(at), order,
              showLine: true, borderWidth: width, pointBackgroundColor: shade,
              borderDash: base ? [2, 3] : each.name.includes(":") ? [7, 4] : [],
              fill: base && spec.shadeFloor ? "start" : false,
              backgroundColor: colour("shade") });
  made.push({ ...look, label: each.name, counted: true, data: each.aside.map(at), order,
              pointBackgroundColor: colour("paper"), showLine: false });
  for (const [x, , low, high] of each.points.concat(each.aside)) {
    made.push({ label: "", data: [{ x, y: low }, { x, y: high }], showLine: true, pointRadius: 0,
                hitRadius: 0, borderColor: shade, borderWidth: 1, order: 3 });
  }
  return made;
}

function xy(spec) {
  const ticks = {
    afterBuildTicks: (scale) => { scale.ticks = spec.x.ticks.map(([value]) => ({ value })); },
    ticks: { color: colour("quiet"), maxRotation: 0, autoSkip: true,
             callback: (value) => (spec.x.ticks.find(([x]) => x === value) || [0, ""])[1] },
  };
  const x = logarithmic(spec.x, "", ticks);
  if (!spec.x.log) x.type = "linear";
  return {
    type: "scatter",
    data: { datasets: spec.series.flatMap((each) => seriesOf(each, spec)) },
    options: {
      scales: { x, y: logarithmic(spec.y, spec.unit) },
      plugins: { tooltip: { callbacks: { label: (at) =>
        at.dataset.label + ": " + written(at.parsed.y, spec.unit) } } },
    },
  };
}

// How many of the marks that count lie where they can be seen.
const seen = {
  id: "seen",
  afterDraw(chart) {
    const area = chart.chartArea;
    let count = 0;
    chart.data.datasets.forEach((dataset, i) => {
      if (!dataset.counted) return;
      for (const mark of chart.getDatasetMeta(i).data) {
        const inside = mark.x >= area.left - 1 && mark.x <= area.right + 1 &&
          mark.y >= area.top - 1 && mark.y <= area.bottom + 1;
        if (inside && !mark.skip) ++count;
      }
    });
    chart.canvas.dataset.drawn = count;
  },
};

function common(made) {
  const tooltip = { filter: (item) => item.dataset.label !== "", ...made.options.plugins.tooltip };
  tooltip.callbacks.title = () => "";
  Object.assign(made.options, {
    animation: false, responsive: true, maintainAspectRatio: false,
    layout: { padding: { right: 6, top: 4 } },
    plugins: { ...made.options.plugins, legend: { display: false }, tooltip },
  });
  made.plugins = [seen];
  return made;
}

function draw() {
  for (const chart of charts.splice(0)) chart.destroy();
  Chart.defaults.font.family = getComputedStyle(document.body).fontFamily;
  Chart.defaults.font.size = 12;
  Chart.defaults.color = colour("text");
  for (const [name, plot] of Object.entries(plots)) {
    const canvas = document.getElementById(name);
    const rows = (plot.spec.rows || []).length;
    canvas.parentNode.style.height = (rows && phone.matches ? 75 + 36 * rows : plot.height) + "px";
    try {
      charts.push(new Chart(canvas, common({ forest, bars, xy }[plot.kind](plot.spec))));
    } catch (why) {
      note(name + ": " + why);
    }
  }
}

draw();
page.dataset.width = page.clientWidth;
page.dataset.sideways = Math.max(0, page.scrollWidth - page.clientWidth);  // what is cut off
phone.addEventListener("change", draw);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
