// SPDX-License-Identifier: Apache-2.0
// A part of the page: a heading, what can be done with it, a body; and the table that stands behind a chart.

let panels = 0;

function panel(title, {kind, tools, note}, ...body) {
  const id = 'panel' + ++panels;
  const heading = h('h2', {id}, title);
  return h('section', {class: 'panel ' + (kind || ''), 'aria-labelledby': id},
    h('header', null, heading, tools && tools.length ? h('div', {class: 'tools'}, tools) : null), note || null, ...body);
}

// Columns: [[key, heading, kind]]; kind 'number' is set to the right and grouped, 'share' is drawn as a bar behind the
// first. `pick(row)`, where it is there, makes of the first column a button.
function table(caption, columns, rows, pick) {
  const cell = (row, [key, , kind], first) => {
    const value = row[key];
    if (kind === 'number') return h('td', {class: 'number'}, value === null || value === undefined ? '–' : grouped(value));
    const text = row[key + 'Shown'] || String(value);
    const shown = row.note ? h('i', {title: row.note}, text) : h('bdi', {title: text}, text);
    return h('th', {scope: 'row'}, first && pick && pick(row) ? button(shown, () => pick(row)(), {class: 'link'}) : shown);
  };
  return h('table', null, h('caption', {class: 'hidden'}, caption),
    h('thead', null, h('tr', null, columns.map(([, heading, kind]) => h('th', {scope: 'col', class: kind || ''}, heading)))),
    h('tbody', null, rows.map((row) => {
      const line = h('tr', null, columns.map((column, i) => cell(row, column, i === 0)));
      if (row.share !== undefined) line.style.setProperty('--share', (row.share * 100).toFixed(2) + '%');
      return line;
    })));
}

// The table of a chart, shown when asked for. Gives [toggle button, place].
function tableBehind(caption, data) {
  const place = h('div', {class: 'scroll', tabindex: 0, role: 'region', 'aria-label': `${caption}: ${t('table')}`, hidden: true});
  const show = () => {
    const {columns, rows} = data();
    place.replaceChildren(table(caption, columns.map(([key, heading], i) => [key, heading, i ? 'number' : '']), rows));
  };
  const toggle = button(t('table'), () => {
    place.hidden = !place.hidden;
    toggle.setAttribute('aria-expanded', String(!place.hidden));
    if (!place.hidden) show();
  }, {class: 'quiet', 'aria-expanded': 'false'});
  return {toggle, place, refresh: () => place.hidden || show()};
}

function notice(text, kind) {
  return h('p', {class: 'notice ' + (kind || '')}, text);
}
