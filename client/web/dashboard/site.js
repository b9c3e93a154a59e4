// SPDX-License-Identifier: Apache-2.0
// A site's dashboard: the numbers by a stream, the chart and the lists by what they are asked for.

const METRICS = {hits: 'views', visitors: 'visitors', online: 'online', bots: 'bots'};
const REFRESH_MS = 30000;
const POLL_MS = 1000;

class SiteView {
  // `said`: what there is to tell first; null: nothing.
  constructor(main, tools, site, said) {
    this.said = said;
    this.main = main;
    this.tools = tools;
    this.site = site;
    this.paused = false;
    this.timers = [];
    this.state = this.stateOf(location.hash);
  }

  // --- what is looked at: in the address, so that it can be kept and sent ---

  stateOf(fragment) {
    const given = new URLSearchParams(fragment.slice(1));
    const known = (key, choices, usual) => (choices[given.get(key)] ? given.get(key) : usual);
    const state = {
      period: known('period', PERIODS, 'month'), metric: known('metric', METRICS, 'hits'), step: known('step', STEPS, ''),
      compare: known('compare', COMPARISONS, 'previous'), page: given.get('page') || '', from: given.get('from'), to: given.get('to'),
    };
    if (state.period === 'custom' && !(isDate(state.from) && isDate(state.to) && state.from <= state.to)) state.period = 'month';
    return state;
  }

  fragment() {
    const kept = new URLSearchParams();
    const {period, metric, step, compare, page, from, to} = this.state;
    if (page) kept.set('page', page);
    if (period !== 'month') kept.set('period', period);
    if (period === 'custom') (kept.set('from', from), kept.set('to', to));
    if (metric !== 'hits') kept.set('metric', metric);
    if (step) kept.set('step', step);
    if (compare !== 'previous') kept.set('compare', compare);
    return String(kept);
  }

  go(changes) {
    const before = this.state.page;
    this.state = {...this.state, ...changes};
    const fragment = this.fragment();
    const address = location.pathname + location.search + (fragment ? '#' + fragment : '');
    if (this.state.page !== before) history.pushState(null, '', address);
    else history.replaceState(null, '', address);
    this.shown(before);
  }

  moved() {
    const before = this.state.page;
    this.state = this.stateOf(location.hash);
    this.shown(before);
  }

  shown(before) {
    if (this.state.page !== before) {
      this.build();
      scrollTo({top: 0});
      this.main.querySelector('h1').focus();
      if (this.idle()) this.askOnce();
      else this.connect();
    } else {
      this.buildPeriods();
    }
    this.load();
  }

  dates() {
    return datesOf(this.state, this.today());
  }

  today() {
    return this.stats.as_of.slice(0, 10);
  }

  // A page's series, and visitors, are of days.
  ofDays() {
    return Boolean(this.state.page) || this.state.metric === 'visitors';
  }

  steps() {
    return stepsOf(this.state).filter((step) => !this.ofDays() || !['minute', 'hour'].includes(step));
  }

  step() {
    const steps = this.steps();
    return steps.includes(this.state.step) ? this.state.step : steps[0] || 'day';
  }

  // --- to begin with ---

  async open() {
    document.title = `${this.site} · footfall`;
    this.askEarly();
    try {
      this.stats = await ask(siteApi(this.site, 'stats'));
    } catch (error) {
      return this.closed ? undefined : this.refusedAll(error);
    }
    if (this.closed) return;
    const {stats} = this;
    chooseLanguage(stats.lang);
    this.tools.build();
    reader.grouping = GROUPING[stats.grouping] ?? ',';
    this.full = Boolean(stats.yesterday);
    if (!this.full) this.state.page = '';
    this.tools.signedIn(Boolean(session.token));
    this.build();
    this.connect();
    this.load();
    this.listen();
    this.timers.push(setInterval(() => this.tick(), 1000), setInterval(() => this.idle() || this.load(), REFRESH_MS));
    if (!this.full && session.token) this.judgeToken();
    // What a token opened that nobody else may see: a counter of it would show nothing.
    if (this.full && session.token && (await this.isPrivate())) {
      this.hidden = true;
      if (this.embed) this.embed.element.replaceWith((this.embed = new Embed(this.site, {...this.stats, private: true})).element);
    }
  }

  // A counter is shown whatever the token: why it shows no more is asked for.
  async judgeToken() {
    try {
      await ask(siteApi(this.site, 'pages', {limit: 1}));
    } catch (error) {
      if (this.closed || ![401, 403].includes(error.status)) return;
      if (error.status === 401) session.keep('');
      this.tools.signedIn(Boolean(session.token));
      this.tokenSaid.replaceChildren(notice(t(error.status === 403 ? 'token_not_for' : 'wrong_token'), 'bad'));
    }
  }

  listen() {
    this.listener = () => (document.hidden ? this.disconnect() : this.connect());
    document.addEventListener('visibilitychange', this.listener);
  }

  async isPrivate() {
    try {
      return (await fetch(ROOT + siteApi(this.site, 'stats'), {credentials: 'omit'})).status === 401;
    } catch {
      return false;
    }
  }

  close() {
    this.closed = true;
    this.disconnect();
    this.timers.forEach(clearInterval);
    document.removeEventListener('visibilitychange', this.listener);
  }

  refusedAll(error) {
    this.close();
    chooseLanguage(null);
    this.tools.build();
    this.tools.signedIn(Boolean(session.token));
    this.tools.pauser.hidden = true;
    if (error.status === 401 || error.status === 403) {
      const said = session.token ? notice(t(error.status === 403 ? 'token_not_for' : 'wrong_token'), 'bad') : null;
      if (error.status === 401) session.keep('');
      this.main.replaceChildren(h('h1', {class: 'title'}, this.site), panel(t('sign_in'), {kind: 'narrow'}, said, this.login(t('private_site'))));
    } else {
      this.main.replaceChildren(h('h1', {class: 'title'}, this.site), notice(error.status === 404 ? t('no_site') : t('failed', {why: error.message}), 'bad'), button(t('try_again'), () => start(), {class: 'main'}));
    }
  }

  login(lead) {
    return loginForm({lead, check: () => ask(siteApi(this.site, 'pages', {limit: 1})), accepted: () => start()});
  }

  // --- the page ---

  build() {
    const {page} = this.state;
    delete this.stats.page;  // of another page
    this.head = this.waiting = this.embed = this.chart = this.drawn = null;
    this.lists = [];
    const title = h('h1', {class: 'title', tabindex: -1}, page ? h('bdi', null, page) : this.site);
    const parts = [title];
    this.warning = h('div', {class: 'warning'});
    if (page) {
      parts.unshift(h('p', {class: 'crumbs'}, button('← ' + t('whole_site', {site: this.site}), () => this.go({page: ''}), {class: 'link'})));
      this.pageCards = {online: figure('online_on_page', 'now'), total: figure('page_total', 'total'), share: figure('in_period', 'today')};
      this.pageCards.online.number.classList.add('live');
      parts.push((this.pageOf = h('p', {class: 'range first'})), h('div', {class: 'cards three'}, Object.values(this.pageCards).map((card) => card.element)));
      parts.push(this.chartPanel());
    } else {
      this.head = new Head(this.site, this.full);
      parts.push(this.warning);
      if (this.firstAwaited()) {
        this.waiting = new Waiting(this.site);
        parts.push(this.waiting.element);
      }
      parts.push(this.head.element);
      if (this.full) {
        parts.push(this.chartPanel());
        this.pages = new PageList(this);
        this.refused = new RefusedList(this);
        this.lists = [this.pages, ...Object.keys(LISTS).map((dimension) => new List(this, dimension)), this.refused];
        this.range = h('p', {class: 'range'});
        parts.push(this.range, h('div', {class: 'lists'}, this.lists.map((list) => list.element)));
      } else {
        this.tokenSaid = h('div', {role: 'status'});
        parts.push(panel(t('more_with_token'), {kind: 'wide more'}, this.tokenSaid, this.login(t('counter_only'))));
      }
      if (this.said) parts.splice(1, 0, notice(this.said, 'bad'));
      this.embed = new Embed(this.site, {...this.stats, private: this.hidden});
      parts.push(this.embed.element);
    }
    this.main.replaceChildren(...parts);
    this.numbers(this.stats);
  }

  firstAwaited() {
    const {stats} = this;
    return this.full && stats.counted === 0 && stats.online === 0 && stats.today.bots === 0;
  }

  warnOfForwards(forwards) {
    this.warning.replaceChildren(...(forwards ? [notice(t('untrusted_forwards', {n: forwards}), 'bad')] : []));
  }

  chartPanel() {
    this.controls = Object.fromEntries(['metric', 'period', 'dates', 'step', 'compare'].map((name) => [name, {place: h('span', {class: 'part', 'data-control': name}), key: '', had: []}]));
    const {metric, period, dates, step, compare} = this.controls;
    this.periods = h('div', {class: 'periods'}, metric.place, period.place, h('div', {class: 'row'}, dates.place, step.place, compare.place));
    this.chart = new Chart({label: t('chart'), height: 17, bars: true});
    this.sum = h('p', {class: 'sum'});
    this.points = () => ({columns: [], rows: []});
    const data = () => ({...this.points(), name: `${this.site}-${this.state.metric}-${this.step()}`, about: {site: this.site, path: this.state.page || null, metric: this.state.metric, step: this.step(), timezone: reader.zone}});
    this.chartTable = tableBehind(t('chart'), () => this.points());
    this.buildPeriods();
    this.chartSaid = h('div', {class: 'chart-said', role: 'status'});
    return panel(t('chart'), {kind: 'wide main-chart', tools: [this.chartTable.toggle, exportButtons(data)]}, this.periods, this.sum, this.chart.element, this.chartSaid, this.chartTable.place);
  }

  // A control is made anew when what it offers or says has changed, and only then: a click may be on its way to it. The
  // focus stays where it was.
  buildPeriods() {
    const {state} = this;
    const brief = this.ofDays() ? ['hour', 'today', 'yesterday'] : [];
    if (brief.includes(state.period)) state.period = 'week';
    const told = (words) => Object.entries(words).map(([key, word]) => [key, t(word.word || word)]);
    const steps = this.steps();
    const focused = this.periods.contains(document.activeElement) ? document.activeElement : null;
    this.control('metric', !state.page, state.metric, () => choice(t('metric'), told(METRICS), this.state.metric, (metric) => this.go({metric})));
    this.control('period', true, [state.period, brief], () => choice(t('period'), told(PERIODS).filter(([key]) => !brief.includes(key)), this.state.period, (period) => this.choosePeriod(period)));
    this.control('step', steps.length > 1, [this.step(), steps], () => select(t('step'), steps.map((step) => [step, t(STEPS[step])]), this.step(), (step) => this.go({step})));
    this.control('compare', state.period !== 'all', state.compare, () => select(t('compare'), told(COMPARISONS), this.state.compare, (compare) => this.go({compare})));
    // Dates that are being filled in stay as they are.
    const {place} = this.controls.dates;
    if (!place.contains(focused)) this.control('dates', state.period === 'custom', [state.from, state.to, this.today()], () => [this.dateField('from'), this.dateField('to')]);
    if (focused && !focused.isConnected) this.focusAgain(focused);
  }

  control(name, there, says, make) {
    const control = this.controls[name];
    const key = there ? JSON.stringify(says) : '';
    if (control.key === key) return;
    control.key = key;
    control.had = [...control.place.querySelectorAll('input,select')];
    control.place.replaceChildren(...(there ? [make()].flat() : []));
  }

  // On what was made in its place, by the control and not by what it says alone: a week is a period, a step and a comparison.
  focusAgain(lost) {
    const control = Object.values(this.controls).find(({had}) => had.includes(lost));
    const again = [...control.place.querySelectorAll('input,select')].find((one) => one.type !== 'radio' || one.value === lost.value);
    (again || this.controls.period.place.querySelector(':checked')).focus();
  }

  choosePeriod(period) {
    const {from, to} = datesOf({...this.state, period: period === 'custom' ? this.state.period : period}, this.today());
    this.go({period, step: '', ...(period === 'custom' ? {from: from < '2000' ? addDays(to, -29) : from, to} : {})});
  }

  // A date is taken when it is left, on Enter, and when it was picked with the mouse: not with each key, the year 2 is a
  // date too.
  dateField(key) {
    let typed = false;
    const take = () => {
      typed = false;
      const [from, to] = [...this.controls.dates.place.querySelectorAll('input')].map((field) => field.value);
      if (isDate(from) && isDate(to) && from <= to && (from !== this.state.from || to !== this.state.to)) this.go({from, to});
    };
    const field = h('input', {
      type: 'date', name: key, value: this.state[key], max: this.today(), onchange: () => typed || take(), onblur: () => setTimeout(() => field.isConnected && take()),
      onkeydown: (event) => (event.key === 'Enter' ? take() : (typed = true)), onpointerdown: () => (typed = false),
    });
    return h('label', {class: 'select'}, h('span', null, t(key === 'from' ? 'date_from' : 'date_to')), field);
  }

  // --- the chart ---

  // What is looked at first, asked for along with the site's settings: a way to the server less. Days are those of the
  // site around these seconds.
  askEarly() {
    const {page, period, metric, step, compare} = this.state;
    if (page || step || period !== 'month' || metric !== 'hits' || compare !== 'previous') return;
    const now = Math.floor(Date.now() / 1000);
    const asked = (from, to) => ask(siteApi(this.site, 'series', {metric, step: 'day', from: now - from * 86400, to: to && now - to * 86400 + 1}));
    this.early = Promise.all([asked(29), asked(59, 30)]);
    this.early.catch(() => {});  // it is asked for again, and told then
  }

  // Its answers, where they are of the days that were meant.
  async takeEarly(dates, earlier) {
    const {early} = this;
    this.early = null;
    if (!early) return null;
    const [now, before] = await early.catch(() => [null, null]);
    const fits = (series, days) => series && days && series.points.length === daysBetween(days.from, days.to) + 1 && series.points[0][0] === days.from;
    return fits(now, dates) && fits(before, earlier) ? [now, before] : null;
  }

  async series(dates, extra) {
    const {metric, page, period} = this.state;
    const range = period === 'hour' ? {from: Math.floor(Date.parse(this.stats.as_of) / 1000) - HOUR_S - (extra || 0), to: Math.floor(Date.parse(this.stats.as_of) / 1000) + 1 - (extra || 0)} : dates;
    return ask(siteApi(this.site, 'series', {metric: page ? 'hits' : metric, step: this.step(), path: page, ...range}));
  }

  async loadChart() {
    const turn = (this.chartTurn = (this.chartTurn || 0) + 1);
    const {drawn} = this;
    this.drawn = null;  // of another choice, perhaps
    const {state} = this;
    const dates = this.dates();
    const earlier = state.period === 'hour' ? (state.compare === 'none' ? null : dates) : datesBefore(state, dates);
    const back = {previous: HOUR_S, week: 7 * 24 * HOUR_S, year: 365 * 24 * HOUR_S}[state.compare];
    try {
      const [now, before] = (await this.takeEarly(dates, earlier)) || (await Promise.all([this.series(dates), earlier ? this.series(earlier, back) : null]));
      if (turn !== this.chartTurn) return;
      setText(this.chartSaid, '');
      reader.zone = now.timezone;
      this.drawn = {now, before, counted: this.countedNow()};
      this.drawChart(now, before);
    } catch (error) {
      if (turn !== this.chartTurn) return;
      this.drawn = drawn;
      setText(this.chartSaid, t('failed', {why: error.message}));
    }
  }

  // What the last point of the chart grows by, until it is asked for again.
  countedNow() {
    return this.state.page ? (this.stats.page ? this.stats.page.total : null) : this.stats.counted;
  }

  grow() {
    const {drawn} = this;
    const counted = this.countedNow();
    if (!drawn || this.state.metric !== 'hits' || !this.goesOn() || !(counted > drawn.counted) || drawn.counted === null) return;
    const points = drawn.now.points.slice();
    if (!points.length) return;
    const [start, value] = points.pop();
    drawn.now = {...drawn.now, points: [...points, [start, value + counted - drawn.counted]]};
    drawn.counted = counted;
    this.drawChart(drawn.now, drawn.before);
  }

  // The period that is looked at is not over.
  goesOn() {
    return this.dates().to === this.today();
  }

  drawChart(now, before) {
    const {metric, period, page} = this.state;
    const step = now.step;
    let points = now.points;
    if (period === 'all') points = points.slice(Math.max(0, Math.min(points.length - 1, points.findIndex(([, value]) => value))));
    const values = points.map(([, value]) => value);
    // What is not kept any more is left out, not drawn as nothing; where there was nothing there is no comparison.
    const earlier = before && before.points.some(([, value]) => value) ? before.points.map(([, value]) => value) : null;
    const missing = before ? values.length - before.points.length : 0;
    const beside = earlier && (missing > 0 && ['minute', 'hour'].includes(step) ? [...Array(missing).fill(null), ...earlier] : earlier);
    const unit = t(page ? 'views' : METRICS[metric]);
    const said = (i) => `${unit}: ${grouped(values[i])}` + (beside && beside[i] !== null && beside[i] !== undefined ? ` · ${t('before')}: ${grouped(beside[i])}` : '');
    this.chart.element.setAttribute('aria-label', `${unit}, ${t(PERIODS[period].word)}, ${t(STEPS[step] || 'step_minute')}`);
    this.chart.draw({values, before: beside, names: (i) => pointText(points[i][0], step), ticks: (i) => (values.length > 48 && step === 'hour' ? pointText(isoText(points[i][0]).slice(0, 10), 'day', true) : pointText(points[i][0], step, true)), said, open: this.goesOn()});
    this.points = () => ({
      columns: [['time', t('time')], ['value', unit], ...(beside ? [['before', t('before')]] : [])],
      rows: points.map(([start, value], i) => ({time: typeof start === 'string' ? start : isoText(start), timeShown: typeof start === 'string' ? start : pointText(start, step), value, before: beside ? beside[i] ?? null : undefined})).reverse(),
    });
    this.chartTable.refresh();
    this.sumUp(values, beside, unit);
  }

  sumUp(values, beside, unit) {
    const {page} = this.state;
    const highest = this.state.metric === 'online' && !page;
    const of = (list) => (highest ? Math.max(0, ...list.map((value) => value || 0)) : list.reduce((sum, value) => sum + (value || 0), 0));
    const now = of(values);
    const then = beside ? of(beside.slice(0, values.length)) : 0;  // of as long a time
    const changed = beside ? change(now, then) : null;
    const about = this.state.metric === 'visitors' && this.stats.visitors_error > 0 ? '≈\u00a0' : '';
    this.sum.replaceChildren(h('strong', null, about + grouped(now)), ' ', highest ? t('highest_online') : unit.toLowerCase(),
      changed ? h('span', {class: changed.direction > 0 ? 'up' : changed.direction < 0 ? 'down' : 'same'}, ` ${changed.direction > 0 ? '▲' : changed.direction < 0 ? '▼' : ''} ${changed.text}`) : '',
      ' ', beside ? h('span', {class: 'muted key first'}, t('against', {n: then})) : '', this.state.metric === 'visitors' ? h('span', {class: 'muted'}, ' · ' + t('sum_of_days')) : '',
      this.state.metric === 'bots' ? h('span', {class: 'muted'}, ' · ' + t('bots_apart')) : '',
      ownNode(this.stats) && (page || ['minute', 'hour'].includes(this.drawn?.now.step)) ? h('span', {class: 'muted'}, ' · ' + ownNode(this.stats)) : '');
    if (this.pageCards && this.state.page) {
      setText(this.pageCards.share.number, grouped(now));
      setFacts(this.pageCards.share.facts, [[t('period'), t(PERIODS[this.state.period].word)], beside ? [t('before'), grouped(then), changed] : null]);
    }
  }

  // --- what comes by itself ---

  load() {
    if (!this.stats) return;
    if (this.state.page) return void this.loadChart();
    if (!this.full) return;
    // The chart first: on a slow line the rest would take its room.
    this.loadChart().then(() => this.closed || this.state.page || this.loadRest());
  }

  loadRest() {
    ask(siteApi(this.site, 'series', {metric: 'hits', step: 'hour', from: addDays(this.today(), -7)})).then((series) => {
      reader.zone = series.timezone;
      this.head?.takeHours(series);
    }, () => {});
    this.loadSeconds();
    setText(this.range, [rangeText(this.state.period, this.dates()), ownNode(this.stats)].filter(Boolean).join(' · '));
    for (const list of this.lists) list.load();
  }

  // The last hour by second, as far as it is not here: at first, and what was missed while the page was hidden, paused or
  // cut off. What could not be had is asked for again with the rest.
  async loadSeconds() {
    const {head} = this;
    if (!this.full || !head || head.hole === null || head.asking) return;
    const {hole} = head;
    head.asking = true;
    try {
      const series = await ask(siteApi(this.site, 'series', {metric: 'online', step: 'second', from: Math.max(hole, this.second() - HOUR_S)}));
      reader.zone = series.timezone;
      if (head.hole === hole) head.hole = null;
      head.takeSeconds(series);
    } catch { /* the hole is still there */ }
    head.asking = false;
  }

  // By the daemon's clock.
  second(at = Date.now()) {
    return Math.floor((at + (this.ahead || 0)) / 1000);
  }

  idle() {
    return this.paused || document.hidden;
  }

  tick() {
    if (this.idle() || !this.stats || !this.head) return;
    if (this.head.latest && this.told) {
      const whole = this.head.hole === null;
      // Of several nodes: the hour is this one's, the number that is told is of all.
      if (this.stats.scope !== 'cluster') this.head.tick(this.second());
      else if (this.ticks % 5 === 0) this.head.lack(this.head.latest);
      if (whole) this.loadSeconds();
    }
    this.ticks = (this.ticks || 0) + 1;
    if (this.waiting && this.ticks % 3 === 1) this.waiting.load();
  }

  // Answers may overtake each other: what is older than what is shown is dropped. A clock that was put back by a minute or
  // more is believed.
  numbers(stats) {
    const late = Date.parse(this.stats.as_of) - Date.parse(stats.as_of);
    if (late > 0 && late < 60000) return;
    // The token has expired, or the site's visibility was changed: another page.
    if (Boolean(stats.yesterday) !== this.full) return start(this.full ? t('shows_less') : null);
    const first = this.waiting && !(stats.counted === 0 && stats.today.bots === 0);
    this.ahead = Date.parse(stats.as_of) - Date.now();
    this.stats = {...this.stats, ...stats};
    if (first) {
      this.waiting.element.remove();
      this.waiting = null;
      this.load();
    }
    if (this.state.page) {
      if (!stats.page) return;
      setText(this.pageCards.online.number, grouped(stats.page.online));
      setText(this.pageCards.total.number, grouped(digits(stats.page, 'total')));
      setFacts(this.pageCards.online.facts, [[t('online_site'), grouped(stats.online), null, stats.scope === 'cluster' ? t('all_nodes') : null]]);
      setText(this.pageOf, ownNode(stats) ? t('page_of_node') : '');
      setFacts(this.pageCards.total.facts, [[t('total_site'), grouped(digits(stats, 'total'))]]);
      return this.grow();
    }
    this.head.show(this.stats);
    this.embed?.numbers(this.stats);
    this.grow();
  }

  connect() {
    this.disconnect();
    if (this.idle()) return;
    this.tools.said('connecting');
    this.stream = new Stream(siteApi(this.site, 'live', {path: this.state.page}), (stats) => {
      this.tools.said('live');
      this.numbers(stats);
      if (!this.told) this.catchUp();
      this.told = true;
    }, (error) => {
      if (error && (error.status === 401 || error.status === 403)) return this.refusedAll(error);
      this.silent();
      this.tools.said('connecting');
      // As far apart for each reader as chance has it; meanwhile the numbers are asked for.
      this.again = setTimeout(() => this.connect(), 2000 + Math.random() * 4000);
      if (error) this.poll = setTimeout(() => this.askOnce(), POLL_MS);
    });
  }

  // The last hour since a stream spoke: what was drawn by then may have been held for too long.
  catchUp() {
    if (!this.head?.latest) return;
    this.head.lack(this.heard ? this.second(this.heard) : this.head.latest);
    this.heard = 0;
    this.loadSeconds();
  }

  // Nobody says who is online now, until the next stream does.
  silent() {
    this.heard = this.stream?.heard || this.heard;
    this.told = false;
  }

  // The numbers, where no stream brings them.
  async askOnce() {
    const {page} = this.state;
    try {
      const stats = await ask(siteApi(this.site, 'stats', {path: page}));
      if (this.closed || this.state.page !== page) return;
      this.numbers(stats);
      this.catchUp();
    } catch { /* the stream's end was told */ }
  }

  disconnect() {
    clearTimeout(this.again);
    clearTimeout(this.poll);
    if (this.stream) this.stream.stop();
    this.silent();
    this.stream = null;
  }

  pause(paused) {
    this.paused = paused;
    if (paused) {
      this.disconnect();
      this.tools.said('paused');
    } else {
      this.connect();
      this.load();
    }
  }
}
