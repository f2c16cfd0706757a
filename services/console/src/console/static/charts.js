// Charts by uPlot: means with their interval as a band, marks where versions begin, the time in which it changed.
const drawn = new WeakMap();

export function draw(root) {
  for (const host of root.querySelectorAll("[data-chart]")) {
    const given = host.dataset.chart;
    const known = drawn.get(host);
    if (known?.given === given || !window.uPlot) continue;
    const chart = JSON.parse(given);
    if (known && lines(known.chart) === lines(chart)) renew(known, given, chart);
    else {
      known?.plot.destroy();
      drawn.set(host, { given, chart, plot: plotted(host, chart) });
    }
  }
}

const lines = (chart) => chart.versions.map((version) => version.label + version.role).join();
const columns = (chart) => [chart.times, ...chart.versions.flatMap((version) => [version.low, version.high, version.mean])];

// Update the values of the same lines, so that the cursor stays where it is.
function renew(known, given, chart) {
  known.given = given;
  Object.assign(known.chart, chart);
  const { left, top } = known.plot.cursor;
  known.plot.setData(columns(chart));
  if (left >= 0) known.plot.setCursor({ left, top });
}

const DAY = 86_400;
const exact = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });
const day = new Intl.DateTimeFormat(undefined, { month: "short", day: "numeric" });
const minute = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });
const second = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit" });

// A tick in the viewer's own zone and habit; of `step` seconds to the next one.
function moment(seconds, step) {
  const at = new Date(1000 * seconds);
  const midnight = at.getHours() + at.getMinutes() + at.getSeconds() === 0;
  return (step >= DAY || midnight ? day : step < 60 ? second : minute).format(at);
}

const NAMES = ["ink", "soft", "line", "mark", "bad", "good", "warn", "other"];

function colours(host) {
  const style = getComputedStyle(host);
  return Object.fromEntries(NAMES.map((name) => [name, style.getPropertyValue(`--${name}`).trim()]));
}

// By what a version was: good before, worse, or what came after it.
const TINTS = { earlier: "soft", before: "other", worse: "bad", later: "soft", after: "good" };
const ROLES = { before: "before", worse: "got worse", after: "since then" };

function plotted(host, chart) {
  const colour = colours(host);
  const shares = chart.unit === "share" || chart.unit === "score";
  const shown = (value) => (value == null ? "–" : shares ? `${(100 * value).toFixed(1)} %` : `${+value.toPrecision(3)} ${chart.unit}`);
  const axis = { stroke: colour.soft, grid: { stroke: colour.line, width: 1 }, ticks: { stroke: colour.line, width: 1 } };
  const tint = chart.versions.map((version) => colour[TINTS[version.role]] ?? colour.mark);
  const hidden = { stroke: "transparent", points: { show: false }, class: "edge", spanGaps: true };
  const series = chart.versions.flatMap((version, place) => [
    { ...hidden, label: "low" },
    { ...hidden, label: "high" },
    {
      label: ROLES[version.role] ? `${version.label} (${ROLES[version.role]})` : version.label,
      stroke: tint[place],
      width: 2,
      spanGaps: true,
      points: { size: 5, fill: tint[place] },
      value: (u, value, _, at) => (value == null ? "–" : measured(chart.versions[place], at, shown)),
    },
  ]);
  const bands = chart.versions.map((_, place) => ({
    series: [3 * place + 2, 3 * place + 1],
    fill: `color-mix(in srgb, ${tint[place]} 18%, transparent)`,
  }));
  const options = {
    width: host.clientWidth,
    height: 260,
    padding: [8, 44, 0, 8], // room for the first and the last label
    cursor: { points: { size: 7 } },
    axes: [{ ...axis, space: 90, values: (_, ticks, axis, space, step) => ticks.map((tick) => moment(tick, step)) }, { ...axis, size: 70, values: (_, ticks) => ticks.map(shown) }],
    series: [{ label: "at", value: (_, seconds) => (seconds == null ? "–" : exact.format(1000 * seconds)) }, ...series],
    bands,
    hooks: { drawClear: [(u) => marks(u, chart, colour)] },
  };
  const plot = new window.uPlot(options, columns(chart), host);
  new ResizeObserver(() => plot.setSize({ width: host.clientWidth, height: 260 })).observe(host);
  return plot;
}

function measured(version, at, shown) {
  return `${shown(version.mean[at])} [${shown(version.low[at])}, ${shown(version.high[at])}] n=${version.n[at]}`;
}

function marks(u, chart, colour) {
  const { ctx } = u;
  const { top, height, left, width } = u.bbox;
  const at = (seconds) => Math.min(left + width, Math.max(left, u.valToPos(seconds, "x", true)));
  ctx.save();
  if (chart.change) {
    const [low, high] = chart.change.map(at);
    ctx.fillStyle = colour.bad;
    ctx.globalAlpha = 0.18;
    ctx.fillRect(low - 2, top, Math.max(4, high - low + 4), height);
    ctx.globalAlpha = 1;
  }
  ctx.font = `${11 * devicePixelRatio}px system-ui`;
  for (const [place, mark] of chart.marks.entries()) {
    const x = at(mark.at);
    ctx.strokeStyle = ctx.fillStyle = colour.soft;
    ctx.setLineDash([4, 4]);
    ctx.beginPath();
    ctx.moveTo(x, top);
    ctx.lineTo(x, top + height);
    ctx.stroke();
    ctx.textAlign = x > left + 0.8 * width ? "right" : "left";
    ctx.fillText(` ${mark.label} `, x, top + (12 + 14 * (place % 3)) * devicePixelRatio);
  }
  ctx.restore();
}
