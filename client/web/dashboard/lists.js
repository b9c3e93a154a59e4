// SPDX-License-Identifier: Apache-2.0
// Ranked lists: pages with who is on them, referrers, campaigns, countries, browsers, systems, devices, events; and what
// pings were refused for.

// dimension -> [heading, what a row is, what there is to say while it is empty]
const LISTS = {
  referrers: ['referrers', 'referrer', 'no_referrers'],
  browsers: ['browsers', 'browser', 'nothing_yet'],
  systems: ['systems', 'system', 'nothing_yet'],
  devices: ['devices', 'device', 'nothing_yet'],
  campaigns: ['campaigns', 'campaign', 'no_campaigns'],
  events: ['events', 'event', 'no_events'],
  countries: ['countries', 'country', 'no_countries'],
};
const DEVICES = {desktop: 'device_desktop', mobile: 'device_mobile', tablet: 'device_tablet', tv: 'device_tv', console: 'device_console'};
const REASONS = {
  malformed: 'refused_malformed', origin: 'refused_origin', prefetch: 'refused_prefetch', rate: 'refused_rate', time: 'refused_time', disk: 'refused_disk',
  overload: 'refused_overload', denied: 'refused_denied', media_type: 'refused_media_type', too_large: 'refused_too_large', duplicate: 'refused_duplicate', timeout: 'refused_timeout', excluded: 'refused_excluded',
};
const FEW = 8;
const MANY = 200;

// What a label is called: {labelShown, note}, where that differs from itself.
function labelOf(dimension, label) {
  if (label === '(other)') return {labelShown: t('other_labels'), note: t('other_labels_note')};
  if (label === '(unknown)' && dimension === 'pages') return {labelShown: t('unknown_path'), note: t('unknown_path_note')};
  if (dimension === 'devices' && DEVICES[label]) return {labelShown: t(DEVICES[label])};
  if (dimension === 'referrers') return {labelShown: label.replace(/^https?:\/\//, '').replace(/\/$/, '')};
  if (dimension === 'countries' && /^[A-Z]{2}$/.test(label)) {
    try {
      return {labelShown: format(Intl.DisplayNames, {type: 'region'}).of(label)};
    } catch { /* the code itself, then */ }
  }
  return {};
}

// Where two would look the same each is told whole.
function distinct(rows) {
  const seen = new Map();
  for (const {labelShown} of rows) seen.set(labelShown, (seen.get(labelShown) || 0) + 1);
  return rows.map((row) => (seen.get(row.labelShown) > 1 ? {...row, labelShown: row.label} : row));
}

function withShares(rows) {
  const most = Math.max(1, ...rows.map((row) => row.hits));
  return rows.map((row) => ({...row, share: row.hits / most}));
}

class List {
  constructor(view, dimension) {
    this.view = view;  // {site, period()}
    this.dimension = dimension;
    this.rows = [];
    this.all = false;
    const [heading, label, empty] = LISTS[dimension] || ['pages', 'page', 'nothing_yet'];
    this.words = {heading, label, empty};
    this.body = h('div', {class: 'list'}, h('p', {class: 'empty'}, t('loading')));
    this.more = button(t('show_all'), () => {
      this.all = !this.all;
      this.more.setAttribute('aria-expanded', String(this.all));
      setText(this.more, t(this.all ? 'show_few' : 'show_all'));
      this.load();
    }, {class: 'quiet', 'aria-expanded': 'false', hidden: true});
    this.element = panel(t(heading), {kind: 'ranked ' + dimension, tools: [this.extra(), exportButtons(() => this.data())]}, this.body, h('footer', null, this.more));
  }

  extra() {
    return null;
  }

  columns() {
    return [['label', t(this.words.label), ''], ['hits', t(this.dimension === 'events' ? 'times' : 'views'), 'number']];
  }

  data() {
    const {from, to} = this.view.dates();
    return {
      name: `${this.view.site}-${this.dimension}-${from}-${to}`, about: {site: this.view.site, dimension: this.dimension, from, to, error_max: this.error || 0},
      columns: this.columns().map(([key, heading]) => [key, heading]), rows: this.rows.map((row) => ({label: row.label, online: row.online, hits: row.hits})),
    };
  }

  async load() {
    const turn = (this.turn = (this.turn || 0) + 1);
    try {
      const rows = await this.fetch();
      if (turn !== this.turn) return;
      this.rows = rows;
      this.show();
    } catch (error) {
      if (turn === this.turn) this.fail(error);
    }
  }

  async fetch() {
    const {from, to} = this.view.dates();
    const answer = await ask(siteApi(this.view.site, 'top/' + this.dimension, {from, to, limit: this.all ? MANY : FEW}));
    this.left = answer.labels - answer.top.length;
    this.error = answer.error_max;
    return distinct(answer.top.map(([label, hits]) => ({label, hits, labelShown: label, ...labelOf(this.dimension, label)})));
  }

  show() {
    const notes = [];
    if (this.error) notes.push(notice(t('may_be_low', {n: this.error})));
    if (this.all && this.left > 0) notes.push(notice(t('n_more', {n: this.left})));
    this.more.hidden = !this.all && !(this.left > 0);
    const focused = document.activeElement && this.body.contains(document.activeElement) ? [...this.body.querySelectorAll('button')].indexOf(document.activeElement) : -1;
    this.body.replaceChildren(this.rows.length ? table(t(this.words.heading), this.columns(), withShares(this.rows), this.pick()) : h('p', {class: 'empty'}, t(this.words.empty)), ...notes);
    if (focused >= 0) [...this.body.querySelectorAll('button')][focused]?.focus();
    this.element.classList.toggle('nothing', !this.rows.length);
  }

  pick() {
    return null;
  }

  fail(error) {
    this.body.replaceChildren(notice(t('failed', {why: error.message}), 'bad'));
  }
}

class PageList extends List {
  constructor(view) {
    super(view, 'pages');
  }

  extra() {
    this.sort = 'hits';
    return choice(t('sort_by'), [['hits', t('most_views')], ['online', t('online_now')]], 'hits', (sort) => {
      this.sort = sort;
      this.load();
    });
  }

  columns() {
    return [['label', t('page'), ''], ['online', t('online'), 'number'], ['hits', t('views'), 'number']];
  }

  // Views of the period by the rankings, of all time by the pages themselves, which seeds are in, too.
  async fetch() {
    const {site, state} = this.view;
    const limit = this.all ? MANY : FEW;
    const row = (page) => ({label: page.path, hits: digits(page, 'total'), online: page.online, ...labelOf('pages', page.path)});
    this.error = 0;
    if (this.sort === 'online' || state.period === 'all') {
      const answer = await ask(siteApi(site, 'pages', {sort: this.sort === 'online' ? 'online' : 'total', limit: limit + 1}));
      this.left = answer.pages.length > limit ? 1 : 0;
      return answer.pages.slice(0, limit).filter((page) => this.sort !== 'online' || page.online).map(row);
    }
    const [ranked, here] = await Promise.all([super.fetch(), ask(siteApi(site, 'pages', {sort: 'online', limit: MANY}))]);
    const online = new Map(here.pages.map((page) => [page.path, page.online]));
    return ranked.map((one) => ({...one, online: online.get(one.label) || 0}));
  }

  pick() {
    return (row) => (row.label === '(other)' || row.label === '(unknown)' ? null : () => this.view.go({page: row.label}));
  }
}

// What pings were refused for, and the latest of them.
class RefusedList {
  constructor(view) {
    this.view = view;
    this.rows = [];
    this.body = h('div', {class: 'list'}, h('p', {class: 'empty'}, t('loading')));
    this.element = panel(t('refused'), {kind: 'ranked refused', tools: exportButtons(() => ({
      name: `${view.site}-refused`, about: {site: view.site, since: this.since}, columns: [['reason', t('reason')], ['hits', t('pings')]], rows: this.rows,
    }))}, this.body);
  }

  async load() {
    try {
      this.show(await ask(siteApi(this.view.site, 'refusals')));
    } catch (error) {
      this.body.replaceChildren(notice(t('failed', {why: error.message}), 'bad'));
    }
  }

  show(answer) {
    this.since = answer.since;
    this.rows = Object.entries(answer.refused).filter(([reason]) => !reason.endsWith('_text')).map(([reason, hits]) => ({reason, reasonShown: t(REASONS[reason] || 'refused_otherwise'), hits})).sort((a, b) => b.hits - a.hits);
    this.body.replaceChildren(h('div', null,
      this.rows.length ? table(t('refused'), [['reason', t('reason'), ''], ['hits', t('pings'), 'number']], withShares(this.rows)) : h('p', {class: 'empty'}, t('no_refused')),
      h('p', {class: 'notice'}, t('since', {time: `${dayText(answer.since)} ${clockText(answer.since)}`}))), h('div', null, latestRefused(answer.latest)));
    this.element.classList.toggle('nothing', !this.rows.length);
    this.view.warnOfForwards(answer.untrusted_forwards);
  }
}

// The latest refusals as a list; nothing where there are none.
function latestRefused(latest) {
  if (!latest.length) return [];
  return [h('h3', null, t('latest_refused')), h('ul', {class: 'latest'}, latest.map((one) => h('li', null,
    h('time', {datetime: one.at}, clockText(one.at)), ' ', t(REASONS[one.reason] || 'refused_otherwise'), one.host ? [' ', h('bdi', {class: 'host'}, one.host)] : null,
    one.times > 1 ? ` × ${grouped(one.times)}` : '')))];
}
