// SPDX-License-Identifier: Apache-2.0
// Before the first hit: what to paste, and why pings were refused, so that one sees where it sticks.

class Waiting {
  constructor(site) {
    this.site = site;
    this.told = null;
    const address = ROOT.replace(/\/$/, '');
    const code = h('code', null, `<script async src="${address}/${SCRIPT}" data-site="${site}"></script>`);
    this.refused = h('div', {role: 'status'});
    this.element = panel(t('waiting'), {kind: 'wide waiting'}, h('p', {class: 'lead'}, h('span', {class: 'pulse', 'aria-hidden': 'true'}), t('waiting_lead')),
      h('ol', null, h('li', null, t('waiting_paste')), h('li', null, t('waiting_open')), h('li', null, t('waiting_look'))),
      h('pre', {tabindex: 0, 'aria-label': t('paste')}, code), copyButton(() => code.textContent, () => code), this.refused);
  }

  async load() {
    try {
      const {latest} = await ask(siteApi(this.site, 'refusals'));
      // Read out when it is another, not each time that it was asked for.
      const told = JSON.stringify(latest);
      if (told === this.told) return;
      this.told = told;
      const advice = latest.some((one) => one.reason === 'origin') ? notice(t('waiting_origin', {command: `footfall site set ${this.site} --host HOST`}), 'bad') : null;
      this.refused.replaceChildren(...latestRefused(latest), ...(advice ? [advice] : []), ...(latest.length ? [] : [notice(t('waiting_nothing'))]));
    } catch { /* the rest of the page says it */ }
  }
}
