'use strict';
// The charts of a report. Knows columns, no op: what varies between the rows of an op becomes an axis
// or a choice.
(() => {
  const {data, element, select, groupBy, natural, number, time, bytes, times, percent, geometricMean} = Assay;
  const $ = (id) => document.getElementById(id);

  // Columns to rows.
  const rows = Array.from({length: data.rows}, () => ({}));
  for (const column of data.columns)
    rows.forEach((row, i) => {
      const value = 'value' in column ? column.value : column.values ? column.values[i]
          : column.at[i] < 0 ? null : column.words[column.at[i]];
      if (value !== null) row[column.name] = value;
    });
  Assay.rows = rows;

  const emulated = rows.some((row) => row.device === 'emulated');
  const timed = rows.filter((row) => row.status === 'PASS' && row.t_median_us > 0 && row.suite !== 'ceiling');
  const variant = (row) => row.version ?? row.kernel_set ?? '\u2013';
  const subject = (row) => row.op ?? (row.suite === 'generation' ? 'whole model' : row.suite);
  const LEVELS = ['generation', 'layer', 'kernel'];
  const phaseName = (row) => (row.phase === '-' || !row.phase ? '' : row.phase);

  // The same row in two runs: then each run is a choice of its own.
  const severalRuns = new Set(rows.map((row) => row.row_id)).size < rows.length;

  // ---- Speed over shapes -------------------------------------------------------------------------

  const SIZES = ['batch', 'q_len', 'kv_len', 'm', 'n', 'k', 'heads', 'kv_heads', 'head_dim'];
  const SETTINGS = ['dtype', 'quant', 'accumulate', 'cache', 'graph', 'model', 'run_id'];
  const AXIS_TITLES = {
    batch: 'batch, sequences', q_len: 'new tokens per sequence', kv_len: 'tokens attended to per sequence',
    m: 'm, rows', n: 'n, columns', k: 'k, inner length', bytes: 'bytes the work must move',
  };

  // Sizes of a row: its columns, and what else the case's name says as name=value.
  function shapeOf(row) {
    const shape = {};
    for (const name of SIZES) if (name in row) shape[name] = row[name];
    const parts = row.case_id.split('/');
    for (const [, name, value] of parts.at(-1).matchAll(/([a-z_]+)=([^,]+)/g))
      if (!(name in shape)) shape[name] = Number.isNaN(Number(value)) ? value : Number(value);
    for (const name of SETTINGS) if (name in row) shape[name] = row[name];
    if (!severalRuns) delete shape.run_id;
    if (row.suite !== 'kernel' && parts.length > 1) shape.model = parts[0];
    return shape;
  }

  const distinct = (values) => [...new Set(values)];

  // What varies in a group of shapes; a size that another one repeats is left out.
  function varying(shapes) {
    const names = distinct(shapes.flatMap((shape) => Object.keys(shape)))
        .filter((name) => distinct(shapes.map((shape) => shape[name])).length > 1);
    return names.filter((name, i) => !names.slice(0, i).some((earlier) =>
        shapes.every((shape) => shape[earlier] === shape[name])));
  }

  // True if `b` is `a` times a constant everywhere: then it moves with the axis `a`.
  const proportional = (shapes, a, b) => {
    const ratio = shapes[0][b] / shapes[0][a];
    return ratio > 0 && shapes.every((shape) => shape[b] / shape[a] === ratio);
  };

  // Ways to cut a group along one size: {x, slices}, those with the most points first.
  function cuts(group) {
    const shapes = group.map((row) => row.shape);
    const names = varying(shapes);
    const found = [];
    for (const x of names) {
      if (!shapes.every((shape) => shape[x] > 0) || SETTINGS.includes(x)) continue;
      const others = names.filter((name) => name !== x && !proportional(shapes, x, name));
      const slices = [...groupBy(group, (row) => others.map((name) => `${name}=${row.shape[name]}`).join('\n'))]
          .map(([key, members]) => ({
            label: key.split('\n').filter(Boolean).map((part) => part.replace(/^(dtype|quant|model|run_id)=/, ''))
                .filter((part) => part !== 'undefined' && !part.endsWith('=undefined')).join(' \u00b7 ') || 'all',
            members,
            points: distinct(members.map((row) => row.shape[x])).length,
            work: Math.max(...members.map((row) => row.t_median_us)),
            usual: members[0].dtype === 'fp16',
          }))
          .filter((slice) => slice.points > 1)
          .sort((a, b) => b.points - a.points || b.members.length - a.members.length || b.usual - a.usual || b.work - a.work);
      if (slices.length) found.push({x, slices, points: slices[0].points});
    }
    const rank = (cut) => {
      const at = ['batch', 'kv_len', 'q_len', 'm'].indexOf(cut.x);
      return (at < 0 ? 9 : at) - 10 * Math.min(cut.points, 3);
    };
    return found.sort((a, b) => rank(a) - rank(b) || natural(a.x, b.x));
  }

  function rateOf(group) {
    if (group.some((row) => row.tok_per_s))
      return {name: 'tok_per_s', title: 'tokens/s', format: (v) => number(v)};
    const ridge = Math.min(...data.ceilings.filter((c) => c.gb_per_s && c.tflop_per_s)
        .map((c) => 1000 * c.tflop_per_s / c.gb_per_s), 200);
    const bound = group.filter((row) => row.bytes > 0 && row.flops / row.bytes > ridge).length;
    return bound * 2 > group.length
        ? {name: 'tflop_per_s', title: 'TFLOP/s', format: (v) => number(v)}
        : {name: 'gb_per_s', title: 'GB/s', format: (v) => number(v)};
  }

  const lineOf = (label, i, points, extra = {}) => ({
    label, data: points, borderColor: Assay.color(i), backgroundColor: Assay.color(i), borderWidth: 2,
    pointStyle: Assay.shape(i), pointRadius: 4, tension: 0, ...extra,
  });
  const quietLine = (label, points, dash, extra = {}) => ({
    label, data: points, borderColor: Assay.theme().faint, backgroundColor: Assay.theme().faint,
    borderWidth: 1.5, borderDash: dash, pointRadius: 0, pointStyle: 'line', ...extra,
  });

  function tooltipOf(row) {
    const lines = [`${variant(row)}: ${time(row.t_median_us)}`];
    if (row.median_ci_lo_us) lines.push(`95 % interval ${time(row.median_ci_lo_us)} to ${time(row.median_ci_hi_us)}`);
    if (row.gb_per_s) lines.push(`${number(row.gb_per_s)} GB/s`);
    if (row.tflop_per_s) lines.push(`${number(row.tflop_per_s)} TFLOP/s`);
    if (row.tok_per_s) lines.push(`${number(row.tok_per_s)} tokens/s`);
    if (row.roofline_frac) lines.push(`${percent(row.roofline_frac)} of the limit`);
    if (row.speedup_vs_ref) lines.push(`${times(row.speedup_vs_ref)} as fast as LibTorch`);
    return [row.case_id, ...lines];
  }
  const tooltips = {callbacks: {
    title: () => '',
    label: (item) => (item.raw.row ? tooltipOf(item.raw.row) : `${item.dataset.label}: ${item.formattedValue}`),
  }};

  // One chart: y over x for each variant of the rows, with LibTorch and the machine's limit where known.
  function overShape(state, value, title, format) {
    const {x, members, variants, joined} = state;
    const at = (row) => (x === 'bytes' ? row.bytes : row.shape[x]);
    const sets = [];
    variants.forEach((name, i) => {
      const points = members.filter((row) => variant(row) === name && value(row, row.t_median_us) > 0)
          .map((row) => ({x: at(row), y: value(row, row.t_median_us), row})).sort((a, b) => a.x - b.x);
      if (points.length) sets.push(lineOf(name, i, points, {showLine: joined}));
    });
    const bestOf = (timeOf) => [...groupBy(members.filter((row) => timeOf(row) > 0), at)]
        .map(([key, list]) => ({x: key, y: value(list[0], Math.min(...list.map(timeOf)))}))
        .filter((point) => point.y > 0).sort((a, b) => a.x - b.x);
    const reference = bestOf((row) => row.ref_median_us);
    if (reference.length) sets.push(quietLine('LibTorch', reference, [7, 4],
        joined ? {} : {showLine: false, pointStyle: 'crossRot', pointRadius: 5}));
    const limit = bestOf((row) => row.roofline_frac * row.t_median_us);
    if (limit.length) sets.push(quietLine('limit of the machine', limit, [2, 3],
        joined ? {} : {showLine: false, pointStyle: 'dash', pointRadius: 6}));
    const all = sets.flatMap((set) => set.data);
    const xs = distinct(all.map((point) => point.x)).sort((a, b) => a - b);
    return {
      type: 'line', data: {datasets: sets},
      options: {
        parsing: false,
        scales: {
          x: Assay.logScale(AXIS_TITLES[x] ?? x, xs, x === 'bytes' ? bytes : (v) => String(v),
              {ticks: x === 'bytes' ? undefined : xs, margin: 1.12}),
          y: Assay.logScale(title, all.map((point) => point.y), format),
        },
        plugins: {tooltip: tooltips},
      },
    };
  }

  function addPair(panel, cut, variants, rate) {
    const choice = {x: cut.x, joined: cut.joined !== false, variants, members: cut.slices[0].members};
    const controls = element('div', {class: 'controls'});
    const pair = element('div', {class: 'pair'});
    const axis = (AXIS_TITLES[cut.x] ?? cut.x).split(',')[0];
    const latency = Assay.add(pair, `Time over ${axis}`,
        () => overShape(choice, (row, us) => us, 'median time', time));
    const members = () => choice.members.some((row) => row[rate.name] > 0);
    const rateChart = cut.slices.some((slice) => slice.members.some((row) => row[rate.name] > 0))
        ? Assay.add(pair, `Throughput over ${axis}`,
            () => overShape(choice, (row, us) => row[rate.name] * row.t_median_us / us, rate.title, rate.format))
        : null;
    if (cut.slices.length > 1) {
      controls.append(select('at', cut.slices.map((slice) => slice.label), 0, (i) => {
        choice.members = cut.slices[i].members;
        latency.update();
        if (members()) rateChart?.update();
      }));
    } else if (cut.slices[0].label !== 'all') {
      controls.append(element('span', {class: 'control'}, `at ${cut.slices[0].label}`));
    }
    panel.append(controls, pair);
  }

  function addSpeed() {
    const groups = [...groupBy(timed, (row) => `${LEVELS.indexOf(row.suite)}/${subject(row)}/${phaseName(row)}`)]
        .sort(([a], [b]) => natural(a, b));
    for (const [, group] of groups) {
      group.forEach((row) => { row.shape ??= shapeOf(row); });
      const first = group[0];
      const variants = distinct(group.map(variant)).sort(natural);
      const panel = element('article', {class: 'panel'},
          element('h3', {}, subject(first), phaseName(first) ? element('small', {}, ` ${phaseName(first)}`) : ''));
      const rate = rateOf(group);
      const found = cuts(group).slice(0, 2);
      if (!found.length) {
        const slices = [...groupBy(group, (row) => SETTINGS.map((name) => row.shape[name]).filter(Boolean).join(' \u00b7 '))]
            .map(([label, members]) => ({label, members})).sort((a, b) => b.members.length - a.members.length);
        if (group.every((row) => row.bytes > 0)) found.push({x: 'bytes', slices, joined: false});
      }
      for (const cut of found) addPair(panel, cut, variants, rate);
      if (found.length) $('speed-panels').append(panel);
    }
    const left = rows.filter((row) => row.t_median_us > 0 && row.status !== 'PASS').length;
    $('speed-note').textContent = (emulated ? 'Times of the emulated device: a CPU\u2019s, not performance. ' : '') +
        'Medians; both axes are logarithmic. ' +
        (left ? `${left} timed rows without PASS are left out: a wrong result has no speed.` : '');
    if (!timed.length) $('speed').remove();
  }

  // ---- Limits ------------------------------------------------------------------------------------

  const caseKey = (row) => [row.run_id, row.suite, row.op, row.case_id, row.dtype, row.quant, row.phase,
                            row.cache, row.graph].join('\n');
  const fastest = (list) => [...groupBy(list, caseKey).values()]
      .map((same) => same.reduce((a, b) => (b.t_median_us < a.t_median_us ? b : a)));

  function addShares(parent) {
    const best = fastest(timed.filter((row) => row.roofline_frac > 0));
    if (!best.length) return;
    const middle = (list) => list.map((row) => row.roofline_frac).sort((a, b) => a - b)[list.length >> 1];
    const labels = [...groupBy(best, subject)].sort(([, a], [, b]) => middle(b) - middle(a)).map(([name]) => name);
    const phases = distinct(best.map(phaseName)).sort();
    const most = Math.max(1, ...best.map((row) => row.roofline_frac));
    Assay.add(parent, 'Share of the limit that each case reaches, in its fastest version', () => ({
      type: 'scatter',
      data: {datasets: phases.map((phase, i) => ({
        label: phase || 'no phase', pointStyle: Assay.shape(i), pointRadius: 4.5,
        borderColor: Assay.color(i), backgroundColor: `${Assay.color(i)}99`,
        data: best.filter((row) => phaseName(row) === phase).map((row) => ({x: row.roofline_frac, y: subject(row), row})),
      }))},
      options: {
        scales: {x: Assay.linearScale('time at the machine\u2019s limit / measured time', percent, {min: 0, max: Math.ceil(most * 10) / 10}),
                 y: Assay.categoryScale(labels)},
        plugins: {tooltip: tooltips},
      },
    }), {height: 90 + 24 * labels.length, wide: true});
  }

  function addRoofline(parent, machine, members) {
    const runs = new Set(members.map((row) => row.run_id));
    const roofs = new Map();  // by dtype, the highest of the machine's runs
    for (const found of data.ceilings)
      if (runs.has(found.run_id)) {
        const roof = roofs.get(found.dtype) ?? {};
        for (const name of ['gb_per_s', 'tflop_per_s']) roof[name] = Math.max(roof[name] ?? 0, found[name] ?? 0);
        roofs.set(found.dtype, roof);
      }
    const best = fastest(members);
    const subjects = distinct(best.map(subject)).sort(natural);
    const intensity = (row) => row.flops / row.bytes;
    Assay.add(parent, `Roofline: ${machine}`, () => {
      const xs = best.map(intensity);
      const low = Math.min(...xs) / 2;
      const high = Math.max(...xs, ...[...roofs.values()].map((roof) => 2000 * roof.tflop_per_s / (roof.gb_per_s || Infinity))) * 2;
      const sets = [...roofs].map(([dtype, roof], i) => {
        const knee = 1000 * roof.tflop_per_s / roof.gb_per_s;
        const points = [];
        if (roof.gb_per_s) points.push({x: low, y: low * roof.gb_per_s / 1000});
        if (roof.gb_per_s && roof.tflop_per_s) points.push({x: knee, y: roof.tflop_per_s});
        if (roof.tflop_per_s) points.push({x: high, y: roof.tflop_per_s});
        else points.push({x: high, y: high * roof.gb_per_s / 1000});
        const says = [roof.gb_per_s && `${number(roof.gb_per_s)} GB/s`, roof.tflop_per_s && `${number(roof.tflop_per_s)} TFLOP/s`];
        return quietLine(`limit ${dtype}: ${says.filter(Boolean).join(', ')}`, points, [[], [8, 4], [2, 3]][i % 3],
            {type: 'line', borderWidth: 2, borderColor: Assay.theme().text});
      });
      subjects.forEach((name, i) => {
        const points = best.filter((row) => subject(row) === name)
            .map((row) => ({x: intensity(row), y: row.tflop_per_s, row}));
        sets.push({label: name, type: 'scatter', pointStyle: Assay.shape(i + Math.floor(i / 8)), pointRadius: 5,
                   borderColor: Assay.color(i), backgroundColor: `${Assay.color(i)}99`, data: points});
      });
      const ys = sets.flatMap((set) => set.data.map((point) => point.y));
      return {
        type: 'scatter', data: {datasets: sets},
        options: {
          scales: {
            x: Assay.logScale('arithmetic intensity, flop per byte', [low, high], number, {margin: 1}),
            y: Assay.logScale('TFLOP/s', ys, number, {margin: 1.4}),
          },
          plugins: {tooltip: tooltips},
        },
      };
    }, {height: 460, wide: true});
  }

  function addLimits() {
    const parent = $('limit-panels');
    addShares(parent);
    const able = timed.filter((row) => row.roofline_frac > 0 && row.flops > 0 && row.bytes > 0);
    for (const [machine, members] of groupBy(able, (row) => row.gpu_name ?? row.device))
      addRoofline(parent, machine, members);
    if (parent.children.length) return;
    if (!timed.length) return $('limits').remove();
    parent.append(element('p', {class: 'note'},
        'No row has a roofline_frac: limits are measured on a GPU, at the start of a sweep.'));
  }

  // ---- Versions ----------------------------------------------------------------------------------

  function addVersions() {
    const groups = [...groupBy(timed, (row) => `${3 - LEVELS.indexOf(row.suite)}/${subject(row)}/${row.suite === 'kernel' ? '' : phaseName(row)}`)]
        .sort(([a], [b]) => natural(a, b));
    for (const [, group] of groups) {
      const ratios = new Map();
      const note = (name, ratio) => ratios.set(name, [...(ratios.get(name) ?? []), ratio]);
      for (const same of groupBy(group, caseKey).values()) {
        const best = Math.min(...same.map((row) => row.t_median_us));
        for (const row of same) note(variant(row), row.t_median_us / best);
        const reference = same.map((row) => row.ref_median_us).filter((us) => us > 0);
        if (reference.length) note('LibTorch', Math.min(...reference) / best);
      }
      if (ratios.size < 2) continue;
      const all = [...ratios].map(([name, list]) => ({name, mean: geometricMean(list), lo: Math.min(...list),
                                                     hi: Math.max(...list), cases: list.length}))
          .sort((a, b) => a.mean - b.mean);
      const names = distinct(group.map(variant)).sort(natural);
      const phase = group[0].suite === 'kernel' ? '' : ` ${phaseName(group[0])}`;
      const colors = () => all.map(({name}) => (name === 'LibTorch' ? Assay.theme().faint : Assay.color(names.indexOf(name))));
      Assay.add($('version-panels'), `${subject(group[0])}${phase}`, () => ({
        type: 'scatter',
        data: {datasets: [{
          label: 'time', pointRadius: 6, borderColor: colors(), backgroundColor: colors(),
          pointStyle: all.map(({name}) => (name === 'LibTorch' ? 'crossRot' : Assay.shape(names.indexOf(name)))),
          data: all.map(({name, mean, lo, hi, cases}) => ({x: mean, y: name, lo, hi, cases})),
        }]},
        options: {
          scales: {x: Assay.logScale('time / time of the fastest version', all.flatMap(({lo, hi}) => [lo, hi, 1]), times),
                   y: Assay.categoryScale(all.map(({name}) => name))},
          plugins: {
            legend: {display: false},
            tooltip: {callbacks: {title: () => '', label: ({raw}) =>
              `${raw.y}: ${times(raw.x)}, ${times(raw.lo)} to ${times(raw.hi)} in ${raw.cases} cases`}},
          },
        },
      }), {height: 75 + 30 * all.length});
    }
    $('versions-note').textContent =
        'Time of each version as a multiple of the fastest one in the same case: geometric mean (mark) and range (bar) over all cases. ' +
        (timed.some((row) => row.ref_median_us > 0) ? 'LibTorch did the same work in the same run.' : 'No row has a time of LibTorch.');
    if (!$('version-panels').children.length) $('versions').remove();
  }

  // ---- Comparison --------------------------------------------------------------------------------

  function addComparison() {
    const parent = $('comparison-chart');
    if (!parent) return;
    const byId = new Map(rows.map((row) => [row.row_id, row]));
    const changed = data.comparison.rows.filter((row) => row.verdict !== 'SAME' && row.effect !== undefined)
        .sort((a, b) => Math.abs(b.effect) - Math.abs(a.effect)).slice(0, 40).sort((a, b) => b.effect - a.effect);
    if (!changed.length) return;
    const label = (row) => {
      const known = byId.get(row.row_id);
      if (!known) return row.name ?? row.row_id;
      return [known.case_id, known.case_id.startsWith(known.op ?? '') ? '' : known.op, variant(known)].filter(Boolean).join(' / ');
    };
    const COLORS = {SLOWER: 1, FASTER: 2, UNCLEAR: 7};
    const verdicts = distinct(changed.map((row) => row.verdict)).sort();
    const reach = changed.flatMap((row) => [0, row.effect, ...(row.ci ?? [])]);
    const margin = 0.05 * (Math.max(...reach) - Math.min(...reach));
    Assay.add(parent, 'Largest changes of time, with their 95 % intervals', () => ({
      type: 'scatter',
      data: {datasets: verdicts.map((verdict, i) => {
        const color = Assay.color(COLORS[verdict] ?? i + 3);
        return {label: verdict, pointRadius: 5, pointStyle: Assay.shape(i), borderColor: color, backgroundColor: color,
                data: changed.filter((row) => row.verdict === verdict)
                    .map((row) => ({x: row.effect, y: label(row), lo: row.ci?.[0], hi: row.ci?.[1]}))};
      })},
      options: {
        scales: {x: Assay.linearScale('new time / old time \u2212 1', percent,
                    {min: Math.min(...reach) - margin, max: Math.max(...reach) + margin}),
                 y: Assay.categoryScale(changed.map(label))},
        plugins: {tooltip: {callbacks: {title: () => '', label: ({raw}) =>
          `${raw.y}: ${percent(raw.x)}${raw.lo === undefined ? '' : `, ${percent(raw.lo)} to ${percent(raw.hi)}`}`}}},
      },
    }), {height: 100 + 24 * changed.length, wide: true});
  }

  addComparison();
  addSpeed();
  addLimits();
  addVersions();

  const nav = document.querySelector('nav');
  for (const heading of document.querySelectorAll('section > h2'))
    nav.append(element('a', {href: `#${heading.parentElement.id}`}, heading.textContent));
})();
