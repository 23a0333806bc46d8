'use strict';
// The table of all rows: filter, sort, columns to choose, details of a row.
(() => {
  const {data, rows, element, natural, number, time} = Assay;
  const PAGE = 100;
  const verdicts = new Map((data.comparison?.rows ?? []).map((row) => [row.row_id, row]));
  for (const row of rows) {
    const found = verdicts.get(row.row_id);
    if (found) {
      row.verdict = found.verdict;
      if (found.effect !== undefined) row.change = found.effect;
    }
  }

  const known = new Map(data.columns.map((column) => [column.name, column]));
  if (verdicts.size) {
    known.set('verdict', {name: 'verdict', type: 'enum', meaning: 'against the other report'});
    known.set('change', {name: 'change', type: 'real', meaning: 'new time / old time - 1'});
  }
  const usual = ['suite', 'op', 'case_id', 'version', 'kernel_set', 'dtype', 'quant', 'phase', 'status', 'verdict', 'change',
                 'err_ratio', 't_median_us', 'ref_median_us', 'speedup_vs_ref', 'gb_per_s', 'tflop_per_s', 'roofline_frac', 'tok_per_s'];
  const varied = (name) => known.has(name) && !('value' in known.get(name));
  const shown = new Set(usual.filter(varied));
  const numeric = (name) => ['integer', 'real'].includes(known.get(name)?.type);
  const PERCENT = new Set(['roofline_frac', 'err_ratio', 'change', 'sector_efficiency', 'occupancy']);

  function cell(row, name) {
    const value = row[name];
    if (value === undefined) return '';
    if (typeof value !== 'number') return String(value);
    if (PERCENT.has(name)) return `${Number((100 * value).toPrecision(3))}\u00a0%`;
    if (name.endsWith('_us')) return time(value);
    return known.get(name).type === 'integer' ? String(value) : number(value);
  }

  // Words that must all be in the row, or comparisons of a column: op=rms_norm t_median_us>100.
  function parse(text) {
    const parts = [];
    const wrong = [];
    for (const word of text.trim().split(/\s+/).filter(Boolean)) {
      const [, name, sign, value] = word.match(/^([a-z_0-9]+)(>=|<=|!=|=|>|<)(.*)$/) ?? [];
      if (!name || !known.has(name)) {
        parts.push((row) => row.text.includes(word.toLowerCase()));
      } else if (sign === '=' || sign === '!=') {
        parts.push((row) => (String(row[name] ?? '').toLowerCase() === value.toLowerCase()) === (sign === '='));
      } else if (value === '' || Number.isNaN(Number(value))) {
        wrong.push(`${name}${sign} needs a number`);
      } else {
        const limit = Number(value);
        const holds = {'>': (v) => v > limit, '<': (v) => v < limit, '>=': (v) => v >= limit, '<=': (v) => v <= limit}[sign];
        parts.push((row) => typeof row[name] === 'number' && holds(row[name]));
      }
    }
    return {test: (row) => parts.every((part) => part(row)), wrong};
  }

  for (const row of rows)
    row.text = [...known.keys()].filter((name) => !numeric(name)).map((name) => row[name] ?? '').join(' ').toLowerCase();

  const state = {query: '', sort: null, ascending: true, limit: PAGE};
  const choices = new Map();
  const count = element('span', {class: 'count', role: 'status'});
  const head = element('tr');
  const body = element('tbody');
  const more = element('button', {type: 'button', click: () => { state.limit = Infinity; fill(); }});

  const search = element('input', {
    type: 'search', placeholder: 'filter: words, or op=rms_norm t_median_us>100', 'aria-label': 'Filter rows',
    input: () => { state.query = search.value; state.limit = PAGE; fill(); },
  });
  const controls = element('div', {class: 'controls'}, search);
  for (const name of ['op', 'status', 'dtype', 'phase', 'verdict']) {
    const values = [...new Set(rows.map((row) => row[name] ?? ''))].sort(natural);
    if (values.length < 2) continue;
    choices.set(name, null);
    controls.append(Assay.select(name, ['any', ...values.map((value) => value || '(none)')], 0, (i) => {
      choices.set(name, i === 0 ? null : values[i - 1]);
      state.limit = PAGE;
      fill();
    }));
  }
  const boxes = element('div', {class: 'boxes'});
  for (const [name, column] of known) {
    const box = element('input', {type: 'checkbox', change: () => {
      if (box.checked) shown.add(name); else shown.delete(name);
      fillHead();
      fill();
    }});
    box.checked = shown.has(name);
    boxes.append(element('label', {title: column.meaning}, box, name));
  }
  const columnsChoice = element('details', {class: 'columns'}, element('summary', {}, 'columns'), boxes);

  const columnsInOrder = () => [...known.keys()].filter((name) => shown.has(name))
      .sort((a, b) => (usual.indexOf(a) + 1 || 99) - (usual.indexOf(b) + 1 || 99));

  function fillHead() {
    head.replaceChildren(...columnsInOrder().map((name) => {
      const column = known.get(name);
      const sorted = state.sort === name ? (state.ascending ? 'ascending' : 'descending') : 'none';
      const unit = name.endsWith('_us') || PERCENT.has(name) || !column.unit || name.includes('per_s') ? '' : `, ${column.unit}`;
      return element('th', {scope: 'col', 'aria-sort': sorted, class: numeric(name) ? 'n' : '', title: column.meaning},
          element('button', {type: 'button', click: () => {
            state.ascending = state.sort === name ? !state.ascending : true;
            state.sort = name;
            fillHead();
            fill();
          }}, name + unit));
    }));
  }

  function details(row) {
    const list = element('dl', {class: 'details'});
    for (const [name] of known)
      if (row[name] !== undefined) list.append(element('dt', {}, name), element('dd', {}, String(row[name])));
    return list;
  }

  function compare(a, b) {
    const [x, y] = [a[state.sort], b[state.sort]];
    if (x === undefined || y === undefined) return (x === undefined) - (y === undefined);  // the unmeasured last
    const order = typeof x === 'number' && typeof y === 'number' ? x - y : natural(String(x), String(y));
    return state.ascending ? order : -order;
  }

  function fill() {
    const {test, wrong} = parse(state.query);
    const found = rows.filter((row) => test(row) && [...choices].every(([name, value]) => value === null || (row[name] ?? '') === value));
    if (state.sort) found.sort(compare);
    const columns = columnsInOrder();
    body.replaceChildren(...found.slice(0, state.limit).map((row) => {
      const line = element('tr', {tabindex: 0}, ...columns.map((name) => element('td',
          {class: numeric(name) ? 'n' : name === 'case_id' ? 'long' : name === 'status' ? `status ${row.status === 'PASS' ? 'pass' : row.status === 'SKIP' ? 'skip' : 'bad'}` : ''},
          cell(row, name))));
      const open = () => {
        if (line.nextSibling?.classList.contains('opened')) return line.nextSibling.remove();
        line.after(element('tr', {class: 'opened'}, element('td', {colspan: columns.length}, details(row))));
      };
      line.addEventListener('click', () => { if (!getSelection().toString()) open(); });
      line.addEventListener('keydown', (event) => { if (event.key === 'Enter') open(); });
      return line;
    }));
    const hidden = Math.max(0, found.length - state.limit);
    more.hidden = hidden === 0;
    more.textContent = `show ${hidden} more`;
    count.textContent = wrong.length ? wrong.join('; ') : `${found.length} of ${rows.length} rows`;
    count.classList.toggle('bad', wrong.length > 0);
  }

  fillHead();
  fill();
  document.getElementById('row-table').append(controls, columnsChoice, count,
      element('div', {class: 'scroll'}, element('table', {class: 'rows'}, element('thead', {}, head), body)), more,
      element('p', {class: 'note screen'}, 'A click on a heading sorts; a click on a row shows all that it holds, its replay command included.'));
})();
