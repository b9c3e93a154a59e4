// SPDX-License-Identifier: Apache-2.0
// What is told at a glance: who is here now, with the last hour; today, against yesterday and the same weekday; visitors
// and bots; the total.

const HOUR_S = 3600;
const MISSED_MAX = 2;  // seconds
const DRAWN = 1200;  // points of the last hour: the highest of three seconds each, so no peak is lost

function figure(word, kind, tools) {
  const number = h('strong', {class: 'figure'}, '–');
  const facts = h('dl', {class: 'facts'});
  return {number, facts, element: panel(t(word), {kind: 'card ' + kind, tools}, number, facts)};
}

// [[word or text, value, change, hint]] as a list of facts; what is null is left out.
function setFacts(list, facts) {
  const told = facts.filter(Boolean);
  const key = JSON.stringify(told);
  if (list.told === key) return;
  list.told = key;
  list.replaceChildren(...told.map(([name, value, changed, hint]) => h('div', null,
    h('dt', null, name), h('dd', null, value, changed ? h('span', {class: changed.direction > 0 ? 'up' : changed.direction < 0 ? 'down' : 'same'},
      ' ', changed.direction > 0 ? '▲' : changed.direction < 0 ? '▼' : '', ' ', changed.text) : null), hint ? h('dd', {class: 'hint'}, hint) : null)));
}

// What is said where a number is of the node that was asked, while others are of all nodes.
function ownNode(stats) {
  return stats.scope === 'cluster' ? t('own_node') : null;
}

class Head {
  constructor(site, full) {
    this.site = site;
    this.full = full;
    this.seconds = new Map();  // UTC second -> online, of the last hour; a second that nobody told is not there
    this.latest = 0;  // of them
    this.hole = 0;  // from here on the daemon's own are to be asked for; null: all that it has is here
    if (full) {
      this.hourTable = tableBehind(t('online_last_hour'), () => ({columns: [['time', t('time')], ['online', t('online')]], rows: this.byMinute()}));
      this.dayTable = tableBehind(t('today_chart'), () => this.dayData());
    }
    this.online = figure('online_now', 'now', full && [this.hourTable.toggle, exportButtons(() => this.hourData())]);
    this.today = figure('views_today', 'today', full && [this.dayTable.toggle, exportButtons(() => this.dayData())]);
    this.visitors = figure('visitors_today', 'visitors');
    this.total = figure('total', 'total');
    this.online.number.classList.add('live');
    const cards = [this.online, this.today];
    if (full) {
      cards.push(this.visitors);
      this.hour = new Chart({label: t('online_last_hour'), height: 5.5, plain: true});
      this.day = new Chart({label: t('today_chart'), height: 5.5, plain: true});
      this.hourOf = h('p', {class: 'behind'}, t('online_last_hour'));
      this.online.element.append(this.hourOf, this.hour.element, this.hourTable.place);
      this.legend = h('p', {class: 'behind'});
      this.today.element.append(this.legend, this.day.element, this.dayTable.place);
    }
    cards.push(this.total);
    this.element = h('div', {class: 'cards' + (full ? '' : ' few')}, cards.map((card) => card.element));
  }

  show(stats) {
    this.stats = stats;
    const about = stats.visitors_error > 0 ? '≈\u00a0' : '';
    const peak = ({online, at}, when) => (online ? `${grouped(online)} · ${when(at)}` : '–');
    setText(this.online.number, grouped(stats.online));
    setFacts(this.online.facts, [
      [t('within'), t('minutes', {n: Math.round(stats.window_s / 6) / 10})],
      [t('peak_today'), peak(stats.peak_today, clockText), null, ownNode(stats)],
      [t('peak_ever'), peak(stats.peak, momentText), null, ownNode(stats)],
      stats.scope === 'cluster' ? [t('nodes'), t('all_nodes')] : null,
    ]);
    if (this.full) setText(this.hourOf, [t('online_last_hour'), ownNode(stats)].filter(Boolean).join(' · '));
    setText(this.today.number, grouped(digits(stats.today, 'hits')));
    if (this.full) {
      setText(this.visitors.number, about + grouped(digits(stats.today, 'visitors')));
      setFacts(this.visitors.facts, [
        about ? [t('estimate'), '±\u00a0' + decimal(stats.visitors_error * 100, 2) + '\u00a0%'] : null,
        [t('views_each'), stats.today.visitors ? decimal(stats.today.hits / stats.today.visitors, 1) : '–'],
        [t('yesterday'), about + grouped(digits(stats.yesterday, 'visitors'))],
        [t('month_days'), about + grouped(digits(stats.month, 'visitors')), null, t('sum_of_days')],
        [t('bots_today'), grouped(digits(stats.today, 'bots')), null, t('bots_apart')],
      ]);
    }
    setText(this.total.number, grouped(digits(stats, 'total')));
    setFacts(this.total.facts, [
      [t('this_month'), grouped(digits(stats.month, 'hits'))], stats.year ? [t('this_year'), grouped(digits(stats.year, 'hits'))] : null,
      stats.seed ? [t('counted'), grouped(digits(stats, 'counted'))] : null, stats.seed ? [t('carried_over'), grouped(digits(stats, 'seed'))] : null,
    ]);
    this.showToday();
  }

  // --- the last hour ---

  // What the daemon observed, in place of what was guessed here. Its last second has not ended yet.
  takeSeconds({points}) {
    for (const [second, online] of points.slice(0, -1)) this.note(second, online);
    this.forget();
    this.drawHour();
  }

  // Each second: whoever is online now was so in it. A timer may miss one; of what lasted longer nothing is known here.
  tick(second) {
    if (!this.full || !this.stats) return;
    const missed = second - this.latest - 1;
    if (missed > MISSED_MAX) this.lack(this.latest);
    else for (let one = second - missed; one < second; ++one) this.note(one, this.seconds.get(one - 1));
    this.note(second, this.stats.online);
    this.forget();
    this.drawHour();
  }

  lack(from) {
    this.hole = Math.min(this.hole ?? from, from);
  }

  note(second, online) {
    this.seconds.set(second, online);
    this.latest = Math.max(this.latest, second);
  }

  forget() {
    for (const second of this.seconds.keys()) if (second <= this.latest - HOUR_S) this.seconds.delete(second);
  }

  // The highest of these seconds; null where none is known.
  highest(from, to) {
    let highest = null;
    for (let second = from; second < to; ++second) {
      const online = this.seconds.get(second);
      if (online !== undefined && (highest === null || online > highest)) highest = online;
    }
    return highest;
  }

  drawHour() {
    const end = this.latest;
    const width = HOUR_S / DRAWN;
    const values = [];
    for (let from = end - HOUR_S + 1; from <= end; from += width) values.push(this.highest(from, from + width));
    this.hour.draw({values, names: (i) => pointText(end - HOUR_S + 1 + (i + 1) * width - 1, 'second'), ticks: () => '', said: (i) => (values[i] === null ? t('no_points') : t('n_online', {n: values[i]}))});
    this.hourTable.refresh();
  }

  byMinute() {
    const end = this.latest;
    const rows = [];
    for (let to = end; end && to > end - HOUR_S; to -= 60) rows.push({time: pointText(to - 59, 'minute'), online: this.highest(to - 59, to + 1)});
    return rows;
  }

  hourData() {
    const end = this.latest;
    const rows = Array.from({length: end ? HOUR_S : 0}, (_, i) => end - HOUR_S + 1 + i).map((second) => ({time: new Date(second * 1000).toISOString(), online: this.seconds.get(second) ?? null}));
    return {name: `${this.site}-online`, about: {site: this.site, metric: 'online', step: 'second'}, columns: [['time', 'time'], ['online', 'online']], rows};
  }

  // --- today, yesterday, the same weekday ---

  // Views of each hour of the last eight days.
  takeHours(series) {
    const day = dateFormat({year: 'numeric', month: '2-digit', day: '2-digit', calendar: 'iso8601', numberingSystem: 'latn'}, reader.zone);
    this.hours = new Map();  // local date -> views by hour
    for (const [start, hits] of series.points) {
      const parts = Object.fromEntries(day.formatToParts(new Date(start * 1000)).map((part) => [part.type, part.value]));
      const date = `${parts.year}-${parts.month}-${parts.day}`;
      if (!this.hours.has(date)) this.hours.set(date, []);
      this.hours.get(date).push(hits);
    }
    this.showToday();
  }

  // By the hour, summed up from midnight on.
  sums(date) {
    let sum = 0;
    return (this.hours.get(date) || []).map((hits) => (sum += hits));
  }

  showToday() {
    if (!this.stats || !this.hours) return setFacts(this.today.facts, this.stats && this.stats.yesterday ? [[t('yesterday'), grouped(digits(this.stats.yesterday, 'hits'))]] : []);
    const now = this.stats.as_of;
    const date = now.slice(0, 10);
    const hour = Number(now.slice(11, 13));
    const part = Number(now.slice(14, 16)) / 60;
    const before = {yesterday: addDays(date, -1), weekday: addDays(date, -7)};
    // What is under way is cut as if the hour's views came evenly.
    const byNow = (day) => {
      const sums = this.sums(day);
      const whole = hour > 0 ? sums[hour - 1] || 0 : 0;
      return Math.round(whole + ((sums[hour] ?? whole) - whole) * part);
    };
    const today = this.stats.today.hits;
    const weekday = weekdayText(before.weekday);
    const fact = (name, day, hint) => [name, '≈\u00a0' + grouped(byNow(day)), change(today, byNow(day)), hint];
    const wholeWeekday = this.sums(before.weekday).pop() || 0;
    setFacts(this.today.facts, [
      fact(t('yesterday_by_now'), before.yesterday, ownNode(this.stats)), fact(t('weekday_by_now', {day: weekday}), before.weekday, [t('whole_day', {n: wholeWeekday}), ownNode(this.stats)].filter(Boolean).join(' · ')),
      [t('yesterday'), grouped(digits(this.stats.yesterday, 'hits'))],
    ]);
    const lines = {today: this.sums(date), yesterday: this.sums(before.yesterday), weekday: this.sums(before.weekday)};
    lines.today[hour] = today;
    const count = Math.max(24, lines.yesterday.length);
    const values = Array.from({length: count}, (_, i) => (i <= hour ? lines.today[i] ?? 0 : null));
    this.dayRows = Array.from({length: count}, (_, i) => ({hour: String(i).padStart(2, '0') + ':00', today: values[i], yesterday: lines.yesterday[i] ?? null, weekday: lines.weekday[i] ?? null}));
    const told = (value) => (value === null || value === undefined ? '–' : grouped(value));
    this.day.draw({
      values, lines: [{kind: 'first', values: lines.yesterday}, {kind: 'second', values: lines.weekday}], here: hour,
      names: (i) => t('by_hour', {time: String(i + 1).padStart(2, '0') + ':00'}), ticks: () => '',
      said: (i) => `${told(values[i])} · ${t('yesterday')} ${told(lines.yesterday[i])} · ${weekday} ${told(lines.weekday[i])}`,
    });
    this.legend.replaceChildren(h('span', {class: 'key'}, t('period_today')), h('span', {class: 'key first'}, t('yesterday')), h('span', {class: 'key second'}, weekday));
    this.dayTable.refresh();
  }

  dayData() {
    return {
      name: `${this.site}-today`, about: {site: this.site, metric: 'hits', summed: true, date: this.stats ? this.stats.as_of.slice(0, 10) : null},
      columns: [['hour', t('hour')], ['today', t('period_today')], ['yesterday', t('yesterday')], ['weekday', t('same_weekday')]], rows: this.dayRows || [],
    };
  }
}
