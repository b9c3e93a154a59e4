// SPDX-License-Identifier: Apache-2.0
// The frame of the page: its head with what holds everywhere, and which view is in it.

const SAID = {live: 'live', connecting: 'connecting', paused: 'paused'};
const APPEARANCES = {auto: 'theme_system', light: 'theme_light', dark: 'theme_dark'};

let view = null;
const main = h('main', {id: 'main', tabindex: -1});

function appear() {
  const chosen = remember('localStorage', 'footfall-theme');
  if (chosen === 'light' || chosen === 'dark') document.documentElement.dataset.theme = chosen;
  else delete document.documentElement.dataset.theme;
}

const tools = {
  bar: h('header', {class: 'bar'}),

  build() {
    const skip = h('a', {class: 'skip', href: '#main', onclick: (event) => {
      event.preventDefault();
      main.focus();
    }}, t('skip'));
    this.status = h('span', {class: 'status connecting', role: 'status'});
    this.pauser = button(t('pause'), () => {
      const paused = this.pauser.getAttribute('aria-pressed') !== 'true';
      this.pauser.setAttribute('aria-pressed', String(paused));
      view.pause(paused);
    }, {class: 'small', 'aria-pressed': 'false', hidden: !(view instanceof SiteView)});
    this.leave = button(t('sign_out'), () => {
      session.keep('');
      start();
    }, {class: 'small', hidden: true});
    this.enter = button(t('sign_in'), () => view.signIn(), {class: 'small', hidden: true});
    const language = select(t('language_choice'), Object.keys(WORDS).map((key) => [key, WORDS[key].language]), reader.language, (chosen) => {
      remember('localStorage', 'footfall-lang', chosen);
      start();
    });
    const appearance = select(t('appearance'), Object.entries(APPEARANCES).map(([key, word]) => [key, t(word)]), remember('localStorage', 'footfall-theme') || 'auto', (chosen) => {
      remember('localStorage', 'footfall-theme', chosen);
      appear();
    });
    this.bar.replaceChildren(skip, h('a', {class: 'brand', href: ROOT}, h('span', {class: 'mark', 'aria-hidden': 'true'}), 'footfall'), this.status, this.pauser,
      h('span', {class: 'space'}), language, appearance, this.enter, this.leave);
  },

  // A word of SAID.
  said(word) {
    this.status.className = 'status ' + word;
    setText(this.status, t(SAID[word]));
  },

  signedIn(yes) {
    this.leave.hidden = !yes;
  },
};

function siteOfAddress() {
  const step = location.pathname.match(/\/sites\/([^/]+)$/);
  return step ? decodeURIComponent(step[1]) : null;
}

// `said`: what there is to tell first.
function start(said = null) {
  if (view) view.close();
  session.takeFromAddress();
  chooseLanguage(null);
  const site = siteOfAddress();
  view = site === null ? new SitesView(main, tools) : new SiteView(main, tools, site, said);
  tools.build();
  main.replaceChildren(h('p', {class: 'loading'}, t('loading')));
  view.open();
}

appear();
document.body.append(tools.bar, main);
window.addEventListener('hashchange', () => (session.takeFromAddress() ? start() : undefined));
window.addEventListener('popstate', () => view instanceof SiteView && view.stats && view.moved());
start();
