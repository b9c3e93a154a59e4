// SPDX-License-Identifier: Apache-2.0
// The list of the sites that may be read.

class SitesView {
  constructor(main, tools) {
    this.main = main;
    this.tools = tools;
  }

  async open() {
    document.title = 'footfall';
    this.list = h('div', {class: 'sites'});
    this.main.replaceChildren(h('h1', {class: 'title'}, t('sites')), this.list);
    await this.load();
    this.timer = setInterval(() => document.hidden || this.load(), 10000);
  }

  close() {
    clearInterval(this.timer);
  }

  async load() {
    try {
      this.show(await ask('v1/sites?limit=1000'));
    } catch (error) {
      if (error.status === 401) {
        session.keep('');
        return this.show({sites: [], more: 0}, t('wrong_token'));
      }
      this.list.replaceChildren(notice(t('failed', {why: error.message}), 'bad'));
    }
  }

  show({sites, more}, said) {
    this.tools.signedIn(Boolean(session.token));
    if (!sites.length && !session.token) {
      if (!this.list.querySelector('form')) this.list.replaceChildren(panel(t('sign_in'), {kind: 'narrow'}, said ? notice(said, 'bad') : null, loginForm({lead: t('sign_in_sites'), check: () => ask('v1/sites?limit=1'), accepted: () => this.load()})));
      return;
    }
    const card = (site) => h('a', {class: 'panel site-card', href: 'sites/' + site.site}, h('h2', null, site.site),
      h('dl', null, h('div', null, h('dt', null, t('online_now')), h('dd', {class: 'live'}, grouped(site.online))),
        h('div', null, h('dt', null, t('period_today')), h('dd', null, grouped(digits(site.today, 'hits')))),
        h('div', null, h('dt', null, t('yesterday')), h('dd', null, site.yesterday ? grouped(digits(site.yesterday, 'hits')) : '–')),
        h('div', null, h('dt', null, t('total')), h('dd', null, grouped(digits(site, 'total'))))));
    this.list.replaceChildren(sites.length ? h('div', {class: 'site-cards'}, sites.map(card)) : notice(t('no_sites')), more ? notice(t('n_more', {n: more})) : '');
  }
}
