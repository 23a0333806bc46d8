'use strict';
// The charts of `report trend`: one small chart per case, those with steps first.
(() => {
  const {data, element, natural, number, time} = Assay;
  const $ = (id) => document.getElementById(id);
  const PAGE = 48;
  const variant = (series) => series.version ?? series.kernel_set ?? '';
  const nameOf = (series) => [series.case_id, series.case_id.startsWith(series.op ?? '') ? '' : series.op, variant(series)]
      .filter(Boolean).join(' / ');
  const runName = (run) => `${run.commit || run.run_id}${run.dirty ? ' (dirty)' : ''}`;
  const signed = (share) => `${share > 0 ? '+' : '\u2212'}${Number((100 * Math.abs(share)).toPrecision(3))}\u00a0%`;
  const largest = (series) => Math.max(0, ...series.steps.map((step) => Math.abs(Math.log(step.after / step.before))));

  data.series.forEach((series) => {
    series.text = [nameOf(series), series.op, series.dtype, series.phase, series.machine, series.suite].join(' ').toLowerCase();
  });
  const inOrder = [...data.series].sort((a, b) => largest(b) - largest(a) || natural(nameOf(a), nameOf(b)));
  const machines = new Set(data.series.map((series) => series.machine));

  function addSteps() {
    const steps = data.series.flatMap((series) => series.steps.map((step) => ({series, step, change: step.after / step.before - 1})))
        .sort((a, b) => b.change - a.change);
    if (!steps.length) {
      $('step-table').append(element('p', {class: 'note'}, 'None.'));
      return;
    }
    const head = ['change', 'before', 'after', 'first commit after', 'last commit before', 'case', 'with it'];
    $('step-table').append(element('div', {class: 'scroll'}, element('table', {class: 'summary'},
        element('thead', {}, element('tr', {}, ...head.map((title, i) => element('th', {class: i < 3 ? 'n' : ''}, title)))),
        element('tbody', {}, ...steps.map(({series, step, change}) => element('tr', {},
            element('td', {class: `n ${change > 0 ? 'bad' : 'pass'}`}, signed(change)),
            element('td', {class: 'n'}, time(step.before)), element('td', {class: 'n'}, time(step.after)),
            element('td', {}, runName(data.runs[series.points[step.point][0]])),
            element('td', {}, runName(data.runs[series.points[step.point - 1][0]])),
            element('td', {class: 'name'}, nameOf(series) + (machines.size > 1 ? ` (${series.machine})` : '')),
            element('td', {}, step.with)))))));
  }

  // The interval of each point, behind the line.
  const intervals = {
    id: 'intervals',
    beforeDatasetsDraw({ctx, scales: {x, y}, data: {datasets: [set]}}) {
      ctx.save();
      ctx.strokeStyle = set.borderColor;
      ctx.globalAlpha = 0.4;
      ctx.lineWidth = 2;
      for (const point of set.data) {
        if (point.low === undefined) continue;
        ctx.beginPath();
        ctx.moveTo(x.getPixelForValue(point.x), y.getPixelForValue(point.low));
        ctx.lineTo(x.getPixelForValue(point.x), y.getPixelForValue(point.high));
        ctx.stroke();
      }
      ctx.restore();
    },
  };

  function addChart(series) {
    Assay.add($('series-charts'), nameOf(series) + (machines.size > 1 ? ` (${series.machine})` : ''), () => {
      const points = series.points.map(([run, median, low, high]) => ({x: run, y: median, low, high}));
      const starts = [0, ...series.steps.map((step) => step.point)];
      const levels = starts.flatMap((start, i) => {
        const end = starts[i + 1] ?? points.length;
        const level = i === 0 ? series.steps[0]?.before : series.steps[i - 1].after;
        return level === undefined ? [] : [[{x: points[start].x, y: level}, {x: points[end - 1].x, y: level}]];
      });
      const values = points.flatMap((point) => [point.y, point.low ?? point.y, point.high ?? point.y]);
      const middle = (Math.min(...values) + Math.max(...values)) / 2;
      const half = Math.max((Math.max(...values) - Math.min(...values)) * 0.6, middle * 0.05);
      const sets = [{label: 'median', data: points, borderColor: Assay.color(0), backgroundColor: Assay.color(0),
                     borderWidth: 1.2, pointRadius: 2.5}];
      for (const level of levels) sets.push({label: 'level', data: level, borderColor: Assay.color(1), borderWidth: 2.5, pointRadius: 0});
      const run = (value) => data.runs[value] && Number.isInteger(value) ? (data.runs[value].commit || data.runs[value].run_id).slice(0, 7) : '';
      return {
        type: 'line', data: {datasets: sets}, plugins: [intervals],
        options: {
          parsing: false,
          scales: {
            x: {...Assay.linearScale('', run, {min: -0.5, max: data.runs.length - 0.5}),
                afterBuildTicks: (axis) => {
                  const every = Math.max(1, Math.ceil(data.runs.length / 4));
                  axis.ticks = data.runs.map((_, i) => ({value: i})).filter(({value}) => value % every === 0);
                }},
            y: {...Assay.linearScale('', time, {min: Math.max(0, middle - half), max: middle + half})},
          },
          plugins: {
            legend: {display: false},
            tooltip: {callbacks: {
              title: () => '',
              label: ({raw}) => {
                const lines = [runName(data.runs[raw.x]), data.runs[raw.x].utc, time(raw.y)];
                if (raw.low !== undefined) lines.push(`95 % interval ${time(raw.low)} to ${time(raw.high)}`);
                return lines;
              },
            }},
          },
        },
      };
    }, {height: 150});
  }

  const state = {query: '', onlySteps: false, limit: PAGE};
  const count = element('span', {class: 'count', role: 'status'});
  const more = element('button', {type: 'button', click: () => { state.limit += 4 * PAGE; fill(); }});
  function fill() {
    Assay.clear();
    $('series-charts').replaceChildren();
    const words = state.query.toLowerCase().split(/\s+/).filter(Boolean);
    const found = inOrder.filter((series) => (!state.onlySteps || series.steps.length) && words.every((word) => series.text.includes(word)));
    found.slice(0, state.limit).forEach(addChart);
    count.textContent = `${found.length} of ${data.series.length} series`;
    more.hidden = found.length <= state.limit;
    more.textContent = `show more (${number(found.length - state.limit)} left)`;
  }
  const search = element('input', {type: 'search', placeholder: 'filter: words of a case, op, version', 'aria-label': 'Filter cases',
      input: () => { state.query = search.value; state.limit = PAGE; fill(); }});
  const only = element('input', {type: 'checkbox', change: () => { state.onlySteps = only.checked; state.limit = PAGE; fill(); }});
  $('series-controls').append(element('div', {class: 'controls'}, search, element('label', {}, only, ' only those with steps'), count));
  $('series-more').append(more);
  addSteps();
  fill();
})();
