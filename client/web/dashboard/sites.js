// SPDX-License-Identifier: Apache-2.0
// The list of the sites that may be read.

class SitesView {
  constructor(main, tools) {
    this.main = main;
    this.tools = tools;
  }

  async open() {
    document.title = 'footfall';
    this.cards = new Map();  // site -> its SiteCard
    this.said = h('div', {role: 'status'});
    this.sign = h('div');
    this.list = h('div', {class: 'site-cards'});
    this.left = h('div');
    this.main.replaceChildren(h('h1', {class: 'title'}, t('sites')), this.sign, this.said, this.list, this.left);
    await this.load();
    this.timer = setInterval(() => document.hidden || this.load(), 10000);
  }

  close() {
    this.closed = true;
    clearInterval(this.timer);
  }

  async load() {
    let answer;
    try {
      answer = await ask('v1/sites?limit=1000');
    } catch (error) {
      if (error.status !== 401) return this.say(t('failed', {why: error.message}));
      session.keep('');
      this.signIn(t('wrong_token'));
      return this.load();
    }
    if (!this.closed) this.show(answer);
  }

  say(text) {
    if (this.said.textContent !== text) this.said.replaceChildren(...(text ? [notice(text, 'bad')] : []));
  }

  // The form, above what is public.
  signIn(said = null) {
    this.sign.replaceChildren(panel(t('sign_in'), {kind: 'narrow'}, said ? notice(said, 'bad') : null,
      loginForm({lead: t('sign_in_sites'), check: () => ask('v1/sites?limit=1'), accepted: () => start()})));
    this.tools.enter.hidden = true;
    this.sign.querySelector('input').focus();
  }

  // Cards stay what they are, with the focus that one of them may have; their numbers change.
  show({sites, more}) {
    const {token} = session;
    const asked = this.sign.hasChildNodes();
    this.tools.signedIn(Boolean(token));
    if (!token && !sites.length && !asked) this.signIn();
    this.tools.enter.hidden = Boolean(token) || this.sign.hasChildNodes();
    this.say(sites.length || !token ? '' : t('no_sites'));
    const names = new Set(sites.map(({site}) => site));
    for (const [name, card] of this.cards) if (!names.has(name)) this.cards.delete(name), card.element.remove();
    sites.forEach((site, i) => {
      const known = this.cards.get(site.site);
      const card = known || new SiteCard(site.site);
      card.show(site);
      if (known) return;
      this.cards.set(site.site, card);
      this.list.insertBefore(card.element, this.list.children[i] || null);
    });
    this.left.replaceChildren(...(more ? [notice(t('n_more', {n: more}))] : []));
  }
}

class SiteCard {
  constructor(site) {
    const number = (name, kind) => (this[name] = h('dd', {class: kind}, '–'));
    const fact = (word, dd) => h('div', null, h('dt', null, word), dd);
    this.element = h('a', {class: 'panel site-card', href: 'sites/' + site}, h('h2', null, site), h('dl', null, fact(t('online_now'), number('online', 'live')),
      fact(t('period_today'), number('today')), fact(t('yesterday'), number('yesterday')), fact(t('total'), number('total'))));
  }

  show(site) {
    setText(this.online, grouped(site.online));
    setText(this.today, grouped(digits(site.today, 'hits')));
    setText(this.yesterday, site.yesterday ? grouped(digits(site.yesterday, 'hits')) : '–');
    setText(this.total, grouped(digits(site, 'total')));
  }
}
