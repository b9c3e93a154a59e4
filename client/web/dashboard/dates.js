// SPDX-License-Identifier: Apache-2.0
// Local dates ("2026-11-23") and the periods that can be looked at. Days are the site's, whatever the reader's clock says.

const DAY_MS = 86400000;

function utcOf(date) {
  return Date.parse(date + 'T00:00:00Z');
}
function addDays(date, days) {
  return new Date(utcOf(date) + days * DAY_MS).toISOString().slice(0, 10);
}
function addMonths(date, months) {
  const at = new Date(utcOf(date));
  const first = new Date(Date.UTC(at.getUTCFullYear(), at.getUTCMonth() + months, 1));
  const last = new Date(Date.UTC(first.getUTCFullYear(), first.getUTCMonth() + 1, 0)).getUTCDate();
  first.setUTCDate(Math.min(at.getUTCDate(), last));
  return first.toISOString().slice(0, 10);
}
function daysBetween(from, to) {
  return Math.round((utcOf(to) - utcOf(from)) / DAY_MS);
}
function isDate(text) {
  return /^\d{4}-\d\d-\d\d$/.test(text || '') && !Number.isNaN(utcOf(text)) && addDays(text, 0) === text;
}

// name -> its word, and the steps that it may be drawn in, the first by itself
const PERIODS = {
  hour: {word: 'period_hour', steps: ['minute']},
  today: {word: 'period_today', steps: ['hour', 'minute']},
  yesterday: {word: 'period_yesterday', steps: ['hour', 'minute']},
  week: {word: 'period_week', steps: ['day', 'hour']},
  month: {word: 'period_month', steps: ['day', 'hour', 'week']},
  quarter: {word: 'period_quarter', steps: ['day', 'week', 'month']},
  year: {word: 'period_year', steps: ['month', 'week', 'day']},
  all: {word: 'period_all', steps: ['month', 'year']},
  custom: {word: 'period_custom', steps: ['day', 'hour', 'week', 'month', 'year']},
};
const STEPS = {minute: 'step_minute', hour: 'step_hour', day: 'step_day', week: 'step_week', month: 'step_month', year: 'step_year'};
const COMPARISONS = {none: 'compare_none', previous: 'compare_previous', week: 'compare_week', year: 'compare_year'};

// {from, to}: local dates, both included.
function datesOf(view, today) {
  switch (view.period) {
    case 'yesterday': return {from: addDays(today, -1), to: addDays(today, -1)};
    case 'week': return {from: addDays(today, -6), to: today};
    case 'month': return {from: addDays(today, -29), to: today};
    case 'quarter': return {from: addDays(today, -89), to: today};
    case 'year': return {from: addMonths(today, -11).slice(0, 8) + '01', to: today};
    case 'all': return {from: '1990-01-01', to: today};
    case 'custom': return {from: view.from, to: view.to};
    default: return {from: today, to: today};
  }
}

// The same, as much earlier as the comparison says; null: nothing to compare with.
function datesBefore(view, dates) {
  if (view.compare === 'none' || view.period === 'all') return null;
  if (view.compare === 'week') return {from: addDays(dates.from, -7), to: addDays(dates.to, -7)};
  if (view.compare === 'year') return {from: addMonths(dates.from, -12), to: addMonths(dates.to, -12)};
  if (view.period === 'year') return {from: addMonths(dates.from, -12), to: addDays(dates.from, -1)};
  const days = daysBetween(dates.from, dates.to) + 1;
  return {from: addDays(dates.from, -days), to: addDays(dates.to, -days)};
}

// As long as it can be drawn: hours are kept for 90 days, minutes for 2.
function stepsOf(view) {
  const steps = PERIODS[view.period].steps;
  if (view.period !== 'custom' || !isDate(view.from) || !isDate(view.to)) return steps;
  const days = daysBetween(view.from, view.to) + 1;
  return days <= 2 ? ['hour', 'day'] : days <= 14 ? ['day', 'hour'] : days <= 120 ? ['day', 'week', 'month'] : ['month', 'week', 'day', 'year'];
}

// How the start of a point is told: a UTC second, or a local date.
function pointText(start, step, brief) {
  if (typeof start === 'string') {
    const at = new Date(utcOf(start));
    if (step === 'year') return dateFormat({year: 'numeric'}, 'UTC').format(at);
    if (step === 'month') return dateFormat(brief ? {month: 'short', year: '2-digit'} : {month: 'long', year: 'numeric'}, 'UTC').format(at);
    if (step === 'week' && !brief) return t('week_of', {date: dateFormat({day: 'numeric', month: 'long', year: 'numeric'}, 'UTC').format(at)});
    return dateFormat(brief ? {day: 'numeric', month: 'short'} : {weekday: 'long', day: 'numeric', month: 'long', year: 'numeric'}, 'UTC').format(at);
  }
  const at = new Date(start * 1000);
  const clock = {hour: '2-digit', minute: '2-digit', hourCycle: 'h23'};
  if (step === 'second') clock.second = '2-digit';
  return dateFormat(brief ? clock : {weekday: 'short', day: 'numeric', month: 'short', ...clock}, reader.zone).format(at);
}

// A UTC second as the site's clock has it, for programs: "2026-11-23T10:00:00+07:00".
function isoText(second) {
  const two = {year: 'numeric', month: '2-digit', day: '2-digit', hour: '2-digit', minute: '2-digit', second: '2-digit'};
  const parts = Object.fromEntries(dateFormat({...two, calendar: 'iso8601', numberingSystem: 'latn', hourCycle: 'h23'}, reader.zone).formatToParts(new Date(second * 1000)).map((part) => [part.type, part.value]));
  const local = `${parts.year}-${parts.month}-${parts.day}T${parts.hour}:${parts.minute}:${parts.second}`;
  const ahead = Date.parse(local + 'Z') / 1000 - second;
  return local + (ahead < 0 ? '-' : '+') + new Date(Math.abs(ahead) * 1000).toISOString().slice(11, 16);
}

// Which days the lists are of: whole ones, also where the last hour is looked at.
function rangeText(period, {from, to}) {
  if (period === 'all') return t('period_all');
  const form = dateFormat({day: 'numeric', month: 'long', year: 'numeric'}, 'UTC');
  return from === to ? form.format(new Date(utcOf(from))) : form.formatRange(new Date(utcOf(from)), new Date(utcOf(to)));
}

// Of an answer's time, "2026-11-23T10:00:00.123+07:00": as the site's clock has it.
function clockText(time) {
  return time ? time.slice(11, 16) : '';
}
function momentText(time) {
  return `${dayText(time)}, ${clockText(time)}`;
}
function dayText(time) {
  return dateFormat({day: 'numeric', month: 'short', year: 'numeric'}, 'UTC').format(new Date(utcOf(time.slice(0, 10))));
}
function weekdayText(date) {
  return dateFormat({weekday: 'long'}, 'UTC').format(new Date(utcOf(date)));
}
