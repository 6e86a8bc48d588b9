// Draws every [data-chart] with uPlot from the definition in its json_script.
//
// definition = {
//   x: [unix seconds, ...],            // at most 720
//   kind: "line" | "bar",
//   unit: "number" | "percent" | "bytes" | "ms" | "money:EUR",
//   series: [{label, values: [number | null, ...]}, ...],   // money in minor units
//   step: seconds between points, sync: "name of charts that share a cursor", range: [min, max]
// }
(() => {
  const HOUR = 3600;
  const DAY = 86400;
  const drawn = new Map();
  const { lang, dataset } = document.documentElement;
  const language = lang || 'en';
  const timeZone = dataset.timeZone || undefined;

  // ------------------------------------------------------------------------- format
  function compact(value) {
    return new Intl.NumberFormat(language, { notation: 'compact', maximumFractionDigits: 1 })
      .format(value);
  }

  function bytes(value) {
    const units = ['B', 'kB', 'MB', 'GB', 'TB', 'PB'];
    let power = 0;
    let rest = value;
    while (Math.abs(rest) >= 1000 && power < units.length - 1) {
      rest /= 1000;
      power += 1;
    }
    return `${+rest.toFixed(rest < 10 ? 1 : 0)} ${units[power]}`;
  }

  function money(currency, short) {
    const style = { style: 'currency', currency };
    const digits = new Intl.NumberFormat(language, style).resolvedOptions().maximumFractionDigits;
    const format = new Intl.NumberFormat(
      language,
      short ? { ...style, notation: 'compact', minimumFractionDigits: 0 } : style,
    );
    return (value) => format.format(value / 10 ** digits);
  }

  function formatter(unit, short) {
    if (unit === 'percent') return (value) => `${+value.toFixed(short ? 0 : 1)}%`;
    if (unit === 'bytes') return bytes;
    if (unit === 'ms') return (value) => `${+value.toFixed(short ? 0 : 1)} ms`;
    if (unit?.startsWith('money:')) return money(unit.slice(6), short);
    const full = new Intl.NumberFormat(language, { maximumFractionDigits: 2 });
    return short ? compact : (value) => full.format(value);
  }

  function timeFormats(x, step) {
    const long = x.at(-1) - x[0] > 3 * DAY;
    const axis = long ? { day: 'numeric', month: 'short' } : { hour: '2-digit', minute: '2-digit' };
    const point = { weekday: 'short', day: 'numeric', month: 'short' };
    if (step < DAY) Object.assign(point, { hour: '2-digit', minute: '2-digit' });
    return [axis, point].map((options) => {
      const format = new Intl.DateTimeFormat(language, {
        ...options,
        hourCycle: 'h23',
        timeZone,
      });
      return (seconds) => format.format(seconds * 1000);
    });
  }

  // -------------------------------------------------------------------------- paint
  function paint(name) {
    const probe = document.createElement('i');
    probe.hidden = true;
    probe.className = `paint-${name}`;
    document.body.append(probe);
    const { color } = getComputedStyle(probe);
    probe.remove();
    return color;
  }

  function faded(color) {
    const canvas = document.createElement('canvas').getContext('2d');
    canvas.fillStyle = color;
    return `${canvas.fillStyle}14`;
  }

  function seriesOf(definition) {
    const bars = definition.kind === 'bar'
      ? uPlot.paths.bars({ size: [0.72, 28], radius: 0.18 })
      : null;
    return definition.series.map(({ label }, index) => {
      const color = paint(index + 1);
      const shape = bars
        ? { paths: bars, width: 0, fill: color }
        : { width: 1.75, fill: index ? null : faded(color) };
      return { label, scale: 'y', stroke: color, points: { show: false }, ...shape };
    });
  }

  function axesOf(definition, box, timeLabel) {
    const muted = paint('muted');
    const shared = { stroke: muted, ticks: { show: false }, font: '12px Inter, sans-serif' };
    const label = formatter(definition.unit, true);
    return [
      {
        ...shared,
        size: 28,
        space: box.clientWidth < 480 ? 64 : 80,
        grid: { show: false },
        values: (_, ticks) => ticks.map(timeLabel),
      },
      {
        ...shared,
        scale: 'y',
        size: 56,
        space: box.clientHeight < 160 ? 30 : 42,
        grid: { stroke: paint('line'), width: 1 },
        values: (_, ticks) => ticks.map(label),
      },
    ];
  }

  // ------------------------------------------------------------------------ tooltip
  function tooltip(box, definition, pointLabel) {
    const tip = document.createElement('div');
    tip.className = 'chart-tip';
    tip.hidden = true;
    box.append(tip);
    const format = formatter(definition.unit, false);

    return (plot) => {
      const index = plot.cursor.idx;
      tip.hidden = index == null || plot.cursor.left < 0;
      if (tip.hidden) return;
      const when = document.createElement('span');
      when.textContent = pointLabel(plot.data[0][index]);
      const rows = definition.series.map(({ label, values }, number) => {
        const row = document.createElement('div');
        row.className = `series series-${number + 1}`;
        const figure = document.createElement('b');
        figure.textContent = values[index] == null ? 'no data' : format(values[index]);
        row.append(label, figure);
        return row;
      });
      tip.replaceChildren(when, ...rows);
      const left = plot.cursor.left + plot.bbox.left / devicePixelRatio;
      const flips = left + tip.offsetWidth + 24 > box.clientWidth;
      tip.style.left = `${Math.max(0, flips ? left - tip.offsetWidth - 12 : left + 12)}px`;
      tip.style.top = '8px';
    };
  }

  // --------------------------------------------------------------------------- draw
  function draw(box) {
    drawn.get(box)?.destroy();
    box.replaceChildren();
    const definition = JSON.parse(document.getElementById(box.dataset.chart).textContent);
    if (!definition.x.length || !box.clientWidth) return;

    const bars = definition.kind === 'bar';
    const step = definition.step || definition.x[1] - definition.x[0] || HOUR;
    const margin = bars ? step / 2 : 0;
    const [timeLabel, pointLabel] = timeFormats(definition.x, step);
    const showTip = tooltip(box, definition, pointLabel);
    const options = {
      width: box.clientWidth,
      height: box.clientHeight,
      padding: [8, 8, 0, 0],
      legend: { show: false },
      tzDate: (seconds) => {
        const date = new Date(seconds * 1000);
        return timeZone ? uPlot.tzDate(date, timeZone) : date;
      },
      scales: {
        x: { range: (_, low, high) => [low - margin, high + margin] },
        y: { range: (_, low, high) => definition.range || [Math.min(0, low), high * 1.12 || 1] },
      },
      axes: axesOf(definition, box, timeLabel),
      series: [{}, ...seriesOf(definition)],
      cursor: {
        y: false,
        points: { show: !bars, size: 7 },
        drag: { x: false, y: false },
        ...(definition.sync ? { sync: { key: definition.sync } } : {}),
      },
      hooks: { setCursor: [showTip] },
    };
    const columns = [definition.x, ...definition.series.map(({ values }) => values)];
    drawn.set(box, new uPlot(options, columns, box));
  }

  function drawAll() {
    for (const [box, plot] of drawn) {
      if (!box.isConnected) {
        plot.destroy();
        drawn.delete(box);
      }
    }
    document.querySelectorAll('[data-chart]').forEach(draw);
  }

  let width = 0;
  new ResizeObserver(() => {
    if (innerWidth === width) return;
    width = innerWidth;
    drawAll();
  }).observe(document.body);

  document.addEventListener('themechange', drawAll);
  document.addEventListener('htmx:afterSettle', (event) => {
    if (event.target.querySelector?.('[data-chart]')) drawAll();
  });
})();
