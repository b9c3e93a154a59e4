// SPDX-License-Identifier: Apache-2.0
// What is asked of the daemon: relative to where this script came from, with the token that was given, and nothing else.

const ROOT = document.currentScript.src.replace(/assets\/[^/]*$/, '');
// What the page script and the pixel are called here: by --script-name, where the daemon has one.
const {scriptName} = document.currentScript.dataset;
const SCRIPT = `${scriptName || 'footfall'}.js`;
const PIXEL = `${scriptName || 'hit'}.gif`;

// The token is in this tab alone, and in no address: a fragment that brings one is taken away before anything is sent.
const session = {
  token: remember('sessionStorage', 'footfall-token') || '',
  keep(token) {
    this.token = token;
    remember('sessionStorage', 'footfall-token', token || null);
  },
  // True if the address brought one.
  takeFromAddress() {
    const fragment = new URLSearchParams(location.hash.slice(1));
    if (!fragment.has('token')) return false;
    const token = fragment.get('token').trim();
    fragment.delete('token');
    history.replaceState(null, '', location.pathname + location.search + (String(fragment) ? '#' + fragment : ''));
    if (token) this.keep(token);
    return true;
  },
};

class Refused extends Error {
  constructor(status, detail) {
    super(detail || String(status));
    this.status = status;  // 0: no answer
  }
}

async function request(path, signal) {
  const headers = session.token ? {Authorization: 'Bearer ' + session.token} : {};
  let answer;
  try {
    answer = await fetch(ROOT + path, {headers, signal, credentials: 'omit', referrerPolicy: 'no-referrer'});
  } catch (error) {
    if (signal && signal.aborted) throw error;
    throw new Refused(0, t('no_answer'));
  }
  if (answer.ok) return answer;
  let detail = '';
  try {
    detail = (await answer.json()).detail;
  } catch { /* not a problem of ours: a proxy's page */ }
  throw new Refused(answer.status, detail);
}

async function ask(path, signal) {
  return (await request(path, signal)).json();
}

function siteApi(site, what, parameters) {
  const query = new URLSearchParams();
  for (const [key, value] of Object.entries(parameters || {})) if (value !== null && value !== undefined && value !== '') query.set(key, value);
  return `v1/sites/${encodeURIComponent(site)}/${what}${String(query) ? '?' + query : ''}`;
}

// Server-sent events by fetch, which can bear the token. Ends are told; who asked decides when to try again. `heard` is
// when it spoke last, in ms: it does so each 15 s also where there is nothing new.
class Stream {
  constructor(path, onNumbers, onEnd) {
    this.stopper = new AbortController();
    this.read(path, onNumbers).then(() => onEnd(null), (error) => {
      if (!this.stopper.signal.aborted) onEnd(error);
    });
  }

  async read(path, onNumbers) {
    const answer = await request(path, this.stopper.signal);
    const bytes = answer.body.getReader();
    const decoder = new TextDecoder();
    let text = '';
    for (;;) {
      const {done, value} = await bytes.read();
      if (done) return;
      this.heard = Date.now();
      text += decoder.decode(value, {stream: true});
      const events = text.split('\n\n');
      text = events.pop();
      for (const event of events) {
        for (const line of event.split('\n')) if (line.startsWith('data: ')) onNumbers(JSON.parse(line.slice(6)));
      }
    }
  }

  stop() {
    this.stopper.abort();
  }
}
