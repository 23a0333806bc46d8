'use strict';
// What every page draws with: its data, the theme, number formats, and charts that follow the theme
// and the printer.
const Assay = (() => {
  const data = JSON.parse(document.getElementById('data').textContent);

  // Colours that keep apart for colour-blind readers, after Okabe and Ito, darkened or lightened to
  // a contrast of 3 : 1 or more on their background. Shapes and dashes say the same again.
  const THEMES = {
    light: {
      text: '#1c2127', faint: '#5c6670', grid: '#e3e6ea', back: '#ffffff',
      series: ['#0072b2', '#c84e00', '#00815d', '#a8407f', '#8a5a00', '#5446c8', '#0b8494', '#6a6a6a'],
    },
    dark: {
      text: '#e4e7eb', faint: '#a3abb5', grid: '#333a42', back: '#171b20',
      series: ['#5cb8f2', '#ff9a57', '#3dd3a5', '#f08cc8', '#e8b93c', '#a99cff', '#5fd6e2', '#b5b5b5'],
    },
  };
  const SHAPES = ['circle', 'triangle', 'rect', 'rectRot', 'star', 'cross', 'crossRot'];

  const darkQuery = matchMedia('(prefers-color-scheme: dark)');
  let printing = false;
  const theme = () => THEMES[darkQuery.matches && !printing ? 'dark' : 'light'];
  const color = (i) => theme().series[i % theme().series.length];
  const shape = (i) => SHAPES[i % SHAPES.length];

  // About three significant digits, never an exponent where a plain number is readable.
  function number(value) {
    if (typeof value !== 'number') return value ?? '';
    const size = Math.abs(value);
    if (size === 0) return '0';
    if (size < 1e-3 || size >= 1e7) return value.toExponential(2).replace('e+', 'e');
    if (size >= 1000) return Math.round(value).toLocaleString('en').replace(/,/g, '\u202f');
    return String(Number(value.toPrecision(size >= 100 ? 4 : 3)));
  }
  const scaled = (value, units, step) => {
    let i = 0;
    while (i + 1 < units.length && Math.abs(value) >= step) { value /= step; ++i; }
    return `${Number(value.toPrecision(3))}\u00a0${units[i]}`;
  };
  const time = (us) => (us < 1 ? `${number(us * 1000)}\u00a0ns` : scaled(us, ['\u00b5s', 'ms', 's'], 1000));
  const bytes = (value) => scaled(value, ['B', 'kB', 'MB', 'GB', 'TB'], 1000);
  const times = (ratio) => `${Number(ratio.toPrecision(3))}\u00d7`;
  const percent = (share) => `${Number((100 * share).toPrecision(3))}\u00a0%`;

  const natural = new Intl.Collator('en', {numeric: true}).compare;

  // Round values that a logarithmic axis shows between low and high.
  function logTicks(low, high) {
    const decades = Math.log10(high / low);
    const steps = decades > 3 ? [1] : decades > 1.2 ? [1, 2, 5] : decades > 0.35 ? [1, 1.5, 2, 3, 4, 5, 6, 8]
        : [1, 1.1, 1.2, 1.3, 1.4, 1.5, 1.6, 1.8, 2, 2.2, 2.5, 3, 3.5, 4, 4.5, 5, 6, 7, 8, 9];
    const ticks = [];
    for (let e = Math.floor(Math.log10(low)) - 1; e <= Math.ceil(Math.log10(high)); ++e)
      for (const step of steps) {
        const value = Number((step * 10 ** e).toPrecision(3));
        if (value >= low * 0.999 && value <= high * 1.001) ticks.push(value);
      }
    return ticks;
  }

  // Limits of a logarithmic axis around the values, never so narrow that noise looks like a trend.
  function logRange(values, margin = 1.15) {
    let low = Math.min(...values) / margin;
    let high = Math.max(...values) * margin;
    if (high / low < 1.6) {
      const widen = Math.sqrt(1.6 / (high / low));
      low /= widen;
      high *= widen;
    }
    return [low, high];
  }

  function logScale(title, values, format, {ticks, margin} = {}) {
    const [min, max] = logRange(values, margin);
    const shown = ticks ?? logTicks(min, max);
    return {
      type: 'logarithmic', min, max,
      title: {display: true, text: title, color: theme().text},
      grid: {color: theme().grid}, border: {color: theme().faint},
      afterBuildTicks: (axis) => { axis.ticks = shown.map((value) => ({value})); },
      ticks: {callback: (value) => format(value), color: theme().faint, maxRotation: 0,
              autoSkip: true, autoSkipPadding: 8},
    };
  }

  function linearScale(title, format, limits = {}) {
    return {
      type: 'linear', ...limits,
      title: {display: true, text: title, color: theme().text},
      grid: {color: theme().grid},
      ticks: {callback: (value) => format(value), color: theme().faint, maxRotation: 0, includeBounds: false},
    };
  }

  function categoryScale(labels) {
    return {
      type: 'category', labels, offset: true, grid: {color: theme().grid},
      ticks: {color: theme().text, autoSkip: false, font: {size: printing ? 13 : 11}},
    };
  }

  // Intervals behind the points of horizontal dot plots: points with `lo` and `hi`.
  const whiskers = {
    id: 'whiskers',
    beforeDatasetsDraw(chart) {
      const {ctx, scales: {x}} = chart;
      chart.data.datasets.forEach((set, i) => {
        if (!chart.isDatasetVisible(i)) return;
        set.data.forEach((point, j) => {
          if (point.lo === undefined) return;
          const y = chart.getDatasetMeta(i).data[j].y;
          ctx.save();
          ctx.strokeStyle = Array.isArray(set.borderColor) ? set.borderColor[j] : set.borderColor;
          ctx.globalAlpha = 0.45;
          ctx.lineWidth = 4;
          ctx.beginPath();
          ctx.moveTo(x.getPixelForValue(point.lo), y);
          ctx.lineTo(x.getPixelForValue(point.hi), y);
          ctx.stroke();
          ctx.restore();
        });
      });
    },
  };

  // What an opaque canvas lies on. A little larger, as its edges need not fall between pixels.
  const paper = {
    id: 'paper',
    beforeDraw({ctx, width, height}) {
      ctx.save();
      ctx.fillStyle = theme().back;
      ctx.fillRect(-2, -2, width + 4, height + 4);
      ctx.restore();
    },
  };

  // Each: {figure, canvas, make, chart}; make() gives Chart.js its configuration in the present theme.
  const charts = [];
  const seen = new IntersectionObserver((entries) => {
    for (const entry of entries)
      if (entry.isIntersecting) draw(charts.find((c) => c.figure === entry.target));
  }, {rootMargin: '600px'});

  function draw(entry) {
    seen.unobserve(entry.figure);
    entry.chart?.destroy();
    const config = entry.make();
    const options = config.options;
    options.animation = false;
    options.maintainAspectRatio = false;
    options.devicePixelRatio = printing ? 2 : undefined;
    options.font = {family: getComputedStyle(document.body).fontFamily, size: printing ? 15 : 12};
    options.color = theme().text;
    options.plugins ??= {};
    options.plugins.legend = {
      position: 'bottom',
      labels: {
        usePointStyle: true, color: theme().text, boxHeight: 8, boxWidth: 16, padding: 10,
        generateLabels: (chart) => Chart.defaults.plugins.legend.labels.generateLabels(chart).map((item) => {
          const dash = chart.data.datasets[item.datasetIndex].borderDash;
          return dash ? {...item, lineDash: dash.map((length) => length / 2), lineWidth: 2} : item;
        }),
      },
      ...options.plugins.legend,
    };
    options.interaction ??= {mode: 'nearest', intersect: true};
    config.plugins = [...(config.plugins ?? []), paper, whiskers];
    entry.chart = new Chart(entry.canvas, config);
  }

  // A figure in `parent`, drawn when it comes near the window. `height` in CSS pixels.
  function add(parent, title, make, {height = 300, wide = false} = {}) {
    const figure = element('figure', {class: wide ? 'chart wide' : 'chart'});
    const caption = element('figcaption', {}, title);
    const box = element('div', {class: 'canvas-box', style: `height:${height}px`});
    const canvas = element('canvas', {role: 'img', 'aria-label': title});
    // Opaque: printed, a transparent canvas becomes a soft mask, which not every PDF viewer draws.
    canvas.getContext('2d', {alpha: false});
    box.append(canvas);
    figure.append(caption, box);
    parent.append(figure);
    const entry = {figure, canvas, make, chart: null, title};
    charts.push(entry);
    seen.observe(figure);
    return {
      // After its data have changed.
      update(newTitle) {
        if (newTitle) {
          caption.textContent = newTitle;
          canvas.setAttribute('aria-label', newTitle);
        }
        if (entry.chart) draw(entry);
      },
    };
  }

  // Takes all charts away, before others are added.
  function clear() {
    for (const entry of charts.splice(0)) {
      seen.unobserve(entry.figure);
      entry.chart?.destroy();
      entry.figure.remove();
    }
  }
  const drawAll = () => charts.forEach((entry) => entry.chart || draw(entry));
  const redraw = (onlyDrawn) => charts.forEach((entry) => {
    if (entry.chart || !onlyDrawn) draw(entry);
  });
  darkQuery.addEventListener('change', () => redraw(true));
  addEventListener('beforeprint', () => { printing = true; redraw(false); });
  addEventListener('afterprint', () => { printing = false; redraw(true); });

  // An element with attributes; children are elements or texts, never HTML.
  function element(name, attributes = {}, ...children) {
    const made = document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) {
      if (key === 'style') made.style.cssText = value;
      else if (typeof value === 'function') made.addEventListener(key, value);
      else if (value !== undefined && value !== false) made.setAttribute(key, value);
    }
    made.append(...children);
    return made;
  }

  function select(label, options, chosen, onChange) {
    const box = element('select', {change: () => onChange(box.selectedIndex)});
    options.forEach((text, i) => {
      const option = element('option', {value: i}, text);
      option.selected = i === chosen;
      box.append(option);
    });
    return element('label', {class: 'control'}, `${label} `, box);
  }

  function groupBy(items, keyOf) {
    const groups = new Map();
    for (const item of items) {
      const key = keyOf(item);
      if (!groups.has(key)) groups.set(key, []);
      groups.get(key).push(item);
    }
    return groups;
  }

  const geometricMean = (values) =>
    Math.exp(values.reduce((sum, value) => sum + Math.log(value), 0) / values.length);

  return {data, theme, color, shape, number, time, bytes, times, percent, natural, logScale,
          linearScale, categoryScale, charts, add, clear, drawAll, element, select, groupBy, geometricMean};
})();
