// SPDX-License-Identifier: Apache-2.0
// What is shown, as a file. A cell that a spreadsheet would take for a formula gets an apostrophe before it.

function csvCell(value) {
  if (typeof value === 'number') return String(value);
  let text = String(value);
  if (/^[=+\-@\t\r]/.test(text)) text = "'" + text;
  return /["\n\r,;]/.test(text) ? '"' + text.replace(/"/g, '""') + '"' : text;
}

// `columns`: [[key, heading]]; rows: objects.
function csvOf(columns, rows) {
  const lines = [columns.map(([, heading]) => csvCell(heading)), ...rows.map((row) => columns.map(([key]) => csvCell(row[key] ?? '')))];
  return '\ufeff' + lines.map((line) => line.join(',') + '\r\n').join('');
}

function download(name, type, text) {
  const address = URL.createObjectURL(new Blob([text], {type}));
  const link = h('a', {href: address, download: name.replace(/[^A-Za-z0-9._-]+/g, '-'), hidden: true});
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(address), 10000);
}

// `data()`: {name, columns, rows, about}, as of when it is asked.
function exportButtons(data) {
  const name = () => data().name;
  return [
    button('CSV', () => download(name() + '.csv', 'text/csv;charset=utf-8', csvOf(data().columns, data().rows)), {class: 'quiet', 'aria-label': t('export_csv'), title: t('export_csv')}),
    button('JSON', () => {
      const {about, columns, rows} = data();
      const told = rows.map((row) => Object.fromEntries(columns.map(([key]) => [key, row[key] ?? null])));
      download(name() + '.json', 'application/json', JSON.stringify({...about, rows: told}, null, 1) + '\n');
    }, {class: 'quiet', 'aria-label': t('export_json'), title: t('export_json')}),
  ];
}

// A button that copies, and says that it did; where the browser forbids it the text is selected.
function copyButton(text, area) {
  const said = h('span', {class: 'said', role: 'status'});
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(text());
      setText(said, t('copied'));
    } catch {
      getSelection().selectAllChildren(area());
      setText(said, t('copy_by_hand'));
    }
    setTimeout(() => setText(said, ''), 4000);
  };
  return h('span', {class: 'copy'}, button(t('copy'), copy, {class: 'small'}), said);
}
