// SPDX-License-Identifier: Apache-2.0
// Words, numbers and times, as the reader's language and the site's settings have them.

const GROUPING = {none: '', comma: ',', dot: '.', space: '\u202f'};

const reader = {
  language: 'en',
  grouping: ',',
  zone: 'UTC',
};

// The language that was chosen here, else the site's, else the browser's.
function chooseLanguage(siteLanguage) {
  const known = (language) => (language && WORDS[language] ? language : null);
  reader.language = known(remember('localStorage', 'footfall-lang')) || known(siteLanguage) ||
    (navigator.languages || []).map((tag) => known(tag.slice(0, 2))).find(Boolean) || 'en';
  document.documentElement.lang = reader.language;
}

// t('views', {n: 3}): of two texts the first is for one.
function t(name, values) {
  let text = WORDS[reader.language][name];
  if (Array.isArray(text)) text = text[Number(values.n) === 1 ? 0 : 1];
  return text.replace(/\{(\w+)\}/g, (_, place) => {
    const value = values[place];
    return place === 'n' ? grouped(value) : String(value);
  });
}

// A whole number, or its digits.
function grouped(number) {
  return String(number).replace(/\B(?=(\d{3})+$)/g, reader.grouping);
}

// A member of an answer; beyond 2^53 the digits stand beside it.
function digits(object, name) {
  return object[name + '_text'] || object[name];
}

// `Kind` of Intl for the reader's language, made once for the same options: making one takes longer than all else that
// the page does until it is drawn.
const formats = new Map();
function format(Kind, options) {
  const key = JSON.stringify([Kind.name, reader.language, options]);
  if (!formats.has(key)) formats.set(key, new Kind(reader.language, options));
  return formats.get(key);
}

function short(number) {
  return number < 10000 ? grouped(number) : format(Intl.NumberFormat, {notation: 'compact', maximumFractionDigits: 1}).format(number);
}

function decimal(number, places) {
  return format(Intl.NumberFormat, {minimumFractionDigits: places, maximumFractionDigits: places}).format(number);
}

// {direction, text}: "+12 %", "× 12"
function change(now, before) {
  if (!before) return null;
  const percent = (now - before) / before * 100;
  if (percent >= 1000) return {direction: 1, text: '×\u00a0' + grouped(Math.round(now / before))};
  const rounded = Math.abs(percent) < 10 ? Math.round(percent * 10) / 10 : Math.round(percent);
  const text = format(Intl.NumberFormat, {signDisplay: 'exceptZero', maximumFractionDigits: 1}).format(rounded);
  return {direction: Math.sign(rounded), text: text + '\u00a0%'};
}

function dateFormat(options, zone) {
  try {
    return format(Intl.DateTimeFormat, {timeZone: zone, ...options});
  } catch {
    return format(Intl.DateTimeFormat, {timeZone: 'UTC', ...options});  // a zone that this browser does not know
  }
}
