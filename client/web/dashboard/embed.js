// SPDX-License-Identifier: Apache-2.0
// The embed helper: what to paste where, with the counter that was chosen as it looks.

// style -> [word, how it is embedded, its options of /widget/]
const STYLES = {
  text: ['style_text', 'elements', {}],
  plain: ['style_plain', 'iframe', {style: 'plain'}],
  badge: ['style_badge', '.svg', {style: 'badge'}],
  digits: ['style_digits', '.svg', {style: 'digits'}],
  png: ['style_png', '.png', {}],
};
const PLACES = {html: 'place_html', wordpress: 'place_wordpress', nukeviet: 'place_nukeviet'};
const HOW = {html: 'how_html', wordpress: 'how_wordpress', nukeviet: 'how_nukeviet'};
const NUMBERS = {total: 'total', online: 'online_now', today: 'period_today', month: 'this_month', peak: 'peak_ever'};
const COLOURS = {'': 'colour_own', blue: 'colour_blue', green: 'colour_green', orange: 'colour_orange', red: 'colour_red', purple: 'colour_purple', teal: 'colour_teal', grey: 'colour_grey', black: 'colour_black'};
const THEMES = {'': 'theme_any', auto: 'theme_auto', light: 'theme_light', dark: 'theme_dark'};

function quoted(text) {
  return text.replace(/&/g, '&amp;').replace(/"/g, '&quot;').replace(/</g, '&lt;');
}

class Embed {
  constructor(site, stats) {
    this.site = site;
    this.stats = stats;
    this.chosen = {style: 'text', place: 'html', theme: '', color: '', lang: WORDS[stats.lang] ? stats.lang : 'en', show: ['total', 'online'], address: ROOT.replace(/\/$/, '')};
    this.preview = h('div', {class: 'preview'});
    this.code = h('code');
    this.how = h('p', {class: 'notice'});
    this.samples = {};
    const set = (key) => (value) => {
      this.chosen[key] = value;
      this.show();
    };
    this.gallery = h('fieldset', {class: 'gallery'}, h('legend', null, t('how_it_looks')), Object.entries(STYLES).map(([style, [word]]) => {
      return h('label', null, h('input', {type: 'radio', name: 'style', value: style, checked: style === 'text', onchange: () => set('style')(style)}), h('span', {class: 'name'}, t(word)), (this.samples[style] = h('span', {class: 'sample'})));
    }));
    const numbers = h('fieldset', {class: 'checks'}, h('legend', null, t('what_it_shows')), Object.entries(NUMBERS).map(([name, word]) => h('label', null, h('input', {
      type: 'checkbox', checked: this.chosen.show.includes(name), onchange: (event) => {
        this.chosen.show = Object.keys(NUMBERS).filter((one) => (one === name ? event.target.checked : this.chosen.show.includes(one)));
        if (!this.chosen.show.length) this.chosen.show = ['total'];
        this.show();
      },
    }), ' ', t(word))));
    const languages = Object.keys(WORDS).map((language) => [language, WORDS[language].language]);
    this.colour = select(t('colour'), Object.entries(COLOURS).map(([key, word]) => [key, t(word)]), '', set('color'));
    const theme = select(t('ground'), Object.entries(THEMES).map(([key, word]) => [key, t(word)]), '', set('theme'));
    const language = select(t('language_of_counter'), languages, this.chosen.lang, set('lang'));
    const address = h('label', {class: 'select'}, h('span', null, t('address')), h('input', {type: 'url', value: this.chosen.address, spellcheck: 'false', oninput: (event) => set('address')(event.target.value.replace(/\/+$/, ''))}));
    this.element = panel(t('embed'), {kind: 'wide embed-panel'}, h('p', {class: 'lead'}, t('embed_lead')), this.gallery,
      h('div', {class: 'options'}, numbers, h('div', {class: 'row'}, theme, this.colour, language, address)),
      h('div', {class: 'result'}, h('div', null, h('h3', null, t('preview')), this.preview),
        h('div', {class: 'snippet'}, h('h3', null, t('paste')), choice(t('place'), Object.entries(PLACES).map(([key, word]) => [key, t(word)]), 'html', set('place')), this.how,
          h('pre', {tabindex: 0, 'aria-label': t('paste')}, this.code), copyButton(() => this.code.textContent, () => this.code))));
    this.show();
  }

  query(style, more) {
    const {theme, color, lang, show} = this.chosen;
    const query = new URLSearchParams({...STYLES[style][2], lang});
    if (style === 'png') query.delete('style');
    query.set('show', show.join(','));
    if (theme && !(style === 'png' && theme === 'auto')) query.set('theme', theme);
    if (color && style !== 'text') query.set('color', color);
    for (const [key, value] of Object.entries(more || {})) query.set(key, value);
    return String(query).replace(/%2C/g, ',');
  }

  // A picture or frame of the counter itself; of text that is the author's, the numbers.
  counterOf(style) {
    const [word, form] = STYLES[style];
    if (form === 'elements') {
      return h('span', {class: 'own-text'}, this.chosen.show.map((name) => h('span', null, this.wordOf(name) + ': ', h('b', null, this.numberOf(name)))));
    }
    const address = `${ROOT}widget/${this.site}${form === 'iframe' ? '' : form}?${this.query(style)}`;
    if (form === 'iframe') return h('iframe', {src: address, title: t(word), class: 'counter'});
    return h('img', {src: address, alt: t(word)});
  }

  // In the gallery, where each has its name: a picture, of the frame too.
  sampleOf(style) {
    if (!this.visible()) return null;
    if (style === 'text') return this.counterOf(style);
    return h('img', {src: `${ROOT}widget/${this.site}${style === 'png' ? '.png' : '.svg'}?${this.query(style)}`, alt: '', loading: 'lazy'});
  }

  // A private site's counter is shown to nobody, whatever the page.
  visible() {
    return !this.stats.private;
  }

  // In the counter's language, which need not be the reader's.
  wordOf(name) {
    return (WORDS[this.chosen.lang] || WORDS[reader.language])[NUMBERS[name]];
  }

  numberOf(name) {
    const {stats} = this;
    return grouped({total: digits(stats, 'total'), online: stats.online, today: digits(stats.today, 'hits'), month: digits(stats.month, 'hits'), peak: stats.peak.online}[name]);
  }

  // What a page's policy has to allow.
  origin() {
    try {
      return new URL(this.chosen.address).origin;
    } catch {
      return this.chosen.address;  // still being written
    }
  }

  snippet() {
    const {style, address, show} = this.chosen;
    const site = this.site;
    const [word, form] = STYLES[style];
    // Where nothing tells the script how often to beat, the default of 30 s has to keep visitors in the window.
    const {window_s, beat_s} = this.stats;
    const beat = window_s < 90 ? ` data-beat="${beat_s}"` : '';
    const script = `<script async src="${quoted(address)}/${SCRIPT}" data-site="${site}"${beat}></script>\n<noscript><img src="${quoted(address)}/${PIXEL}?site=${site}" alt="" width="1" height="1" referrerpolicy="no-referrer-when-downgrade"></noscript>`;
    const source = quoted(`${address}/widget/${site}${form === 'iframe' ? '' : form}?${this.query(style)}`);
    const counter = form === 'elements' ? show.map((name) => `${this.wordOf(name)}: <b data-footfall="${name}"${name === 'online' ? ' data-live' : ''}>–</b>`).join('<br>\n')
      : form === 'iframe' ? `<iframe src="${source}" title="${quoted(t(word))}" width="320" height="${40 + 24 * show.length}" style="border:0" loading="lazy"></iframe>`
        : `<img src="${source}" alt="${quoted(t('counter_of', {site}))}">`;
    const all = script + '\n' + counter;
    if (this.chosen.place !== 'wordpress') return all;
    return `<?php\n/* Plugin Name: footfall */\nadd_action('wp_footer', function () { ?>\n${all}\n<?php });`;
  }

  show() {
    // The samples look as the choice would have them.
    for (const [style, place] of Object.entries(this.samples)) place.replaceChildren(this.sampleOf(style) || '');
    this.showChosen();
  }

  showChosen() {
    this.colour.hidden = this.chosen.style === 'text' || this.chosen.style === 'plain';
    setText(this.code, this.snippet());
    setText(this.how, t(HOW[this.chosen.place], {host: this.origin()}));
    this.preview.className = 'preview ' + (this.chosen.theme === 'dark' ? 'on-dark' : this.chosen.theme === 'light' ? 'on-light' : '');
    this.preview.replaceChildren(this.visible() ? this.counterOf(this.chosen.style) : notice(t('private_counter')));
  }

  // New numbers: of the text alone; pictures are asked for again now and then.
  numbers(stats) {
    this.stats = {...stats, private: this.stats.private};
    if (this.chosen.style === 'text') this.showChosen();
  }
}
