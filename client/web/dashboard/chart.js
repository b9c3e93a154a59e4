// SPDX-License-Identifier: Apache-2.0
// A chart: bars or an area over time, and a dashed line for what it is compared with. It can be walked through with the
// mouse, a finger or the arrow keys, and says each point as a slider says its value; tables stand in panel.js.
//
//   chart.draw({values, before, lines, names, ticks, said, open})
//     values   [number]; before, lines: more of them, to the same scale; null where there is none, which is no zero
//     names(i) ticks(i) said(i)   a point's time, the same shortly, its value in words
//     open     the last point is not over yet; here: the point to begin with, else the last

const LEFT = 46;
const BOTTOM = 24;
const TOP = 10;

// Round steps of an axis up to `top`.
function axis(top, lines) {
  const rough = Math.max(top, 1) / lines;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = Math.max(1, [1, 2, 2.5, 5, 10].find((m) => m * power >= rough) * power);
  const whole = Number.isInteger(step) ? step : Math.ceil(step);
  return Array.from({length: Math.ceil(Math.max(top, 1) / whole) + 1}, (_, i) => i * whole);
}

class Chart {
  constructor({label, height, bars, plain}) {
    this.height = height;
    this.bars = bars;
    this.plain = plain;  // without axes
    this.at = -1;
    this.svg = s('svg', {'aria-hidden': 'true', focusable: 'false'});
    this.tip = h('div', {class: 'tip', hidden: true});
    this.element = h('div', {
      class: 'chart' + (plain ? ' plain' : ''), role: 'slider', tabindex: 0, 'aria-label': label, 'aria-valuemin': 0, 'aria-valuemax': 0, 'aria-valuenow': 0, 'aria-valuetext': t('no_points'),
      onpointermove: (event) => this.point(this.indexAt(event.clientX)), onpointerdown: (event) => this.point(this.indexAt(event.clientX)),
      onpointerleave: () => this.leave(), onblur: () => this.leave(), onkeydown: (event) => this.key(event),
    }, this.svg, this.tip);
    this.element.style.height = height + 'rem';
    new ResizeObserver(() => this.render()).observe(this.element);
  }

  draw(data) {
    this.data = data;
    const last = data.values.length - 1;
    this.element.setAttribute('aria-valuemax', Math.max(last, 0));
    this.say(this.at >= 0 ? Math.min(this.at, last) : data.here ?? last);
    this.render();
  }

  say(index) {
    this.element.setAttribute('aria-valuenow', Math.max(index, 0));
    this.element.setAttribute('aria-valuetext', index < 0 ? t('no_points') : `${this.data.names(index)}: ${this.data.said(index)}`);
  }

  key(event) {
    if (!this.data) return;
    const last = this.data.values.length - 1;
    const from = this.at < 0 ? this.data.here ?? last : this.at;
    const to = {ArrowLeft: from - 1, ArrowDown: from - 1, ArrowRight: from + 1, ArrowUp: from + 1, Home: 0, End: last,
      PageUp: from + Math.ceil(last / 10), PageDown: from - Math.ceil(last / 10)}[event.key];
    if (event.key === 'Escape') return this.leave();
    if (to === undefined || last < 0) return;
    event.preventDefault();
    this.point(Math.max(0, Math.min(last, to)));
  }

  indexAt(clientX) {
    const box = this.svg.getBoundingClientRect();
    const count = this.data ? this.data.values.length : 0;
    if (!count) return -1;
    const inside = (clientX - box.left - this.left) / this.inner;
    const index = this.drawnBars ? Math.floor(inside * count) : Math.round(inside * (count - 1));
    return Math.max(0, Math.min(count - 1, index));
  }

  point(index) {
    if (index < 0) return;
    this.at = index;
    this.say(index);
    this.mark();
  }

  leave() {
    this.at = -1;
    this.tip.hidden = true;
    if (this.cursor) this.cursor.remove();
    this.cursor = null;
  }

  x(index) {
    const count = this.data.values.length;
    return this.left + (this.drawnBars ? (index + 0.5) / count : count > 1 ? index / (count - 1) : 0.5) * this.inner;
  }

  y(value) {
    return this.top + (1 - value / this.max) * this.body;
  }

  line(values) {
    let path = '';
    let open = false;
    values.forEach((value, i) => {
      if (value === null || value === undefined) {
        open = false;
      } else {
        path += `${open ? 'L' : 'M'}${this.x(i).toFixed(1)} ${this.y(value).toFixed(1)}`;
        open = true;
      }
    });
    return path;
  }

  // What is below the line: of each stretch that has values, down to the ground.
  area(values) {
    const stretches = [];
    values.forEach((value, i) => {
      if (value === null || value === undefined) return;
      if (i && values[i - 1] !== null && values[i - 1] !== undefined) stretches[stretches.length - 1].push(i);
      else stretches.push([i]);
    });
    const ground = this.y(0);
    return stretches.map((at) => `M${this.x(at[0])} ${ground}${at.map((i) => `L${this.x(i).toFixed(1)} ${this.y(values[i]).toFixed(1)}`).join('')}L${this.x(at[at.length - 1])} ${ground}Z`).join('');
  }

  render() {
    const width = this.element.clientWidth;
    const height = this.element.clientHeight;
    if (!this.data || !width || !height) return;
    const {values, before, lines, ticks, open} = this.data;
    const em = parseFloat(getComputedStyle(this.element).fontSize);
    const scale = em / 12;
    this.left = this.plain ? 1 : LEFT * scale;
    this.top = this.plain ? 3 : TOP * scale;
    this.inner = Math.max(1, width - this.left - (this.plain ? 1 : 6));
    this.body = Math.max(1, height - this.top - (this.plain ? 2 : BOTTOM * scale));
    const all = [...values, ...(before || []), ...(lines || []).flatMap((line) => line.values)];
    const highest = all.reduce((top, value) => Math.max(top, value || 0), 0);
    const steps = axis(highest, this.plain ? 1 : Math.max(2, Math.round(this.body / (48 * scale))));
    this.max = this.plain ? Math.max(highest * 1.05, 1) : steps[steps.length - 1];
    this.drawnBars = this.bars && values.length <= Math.max(31, this.inner / 9);
    this.svg.setAttribute('viewBox', `0 0 ${width} ${height}`);
    const parts = [];
    if (!this.plain) {
      for (const step of steps) {
        parts.push(s('line', {class: step ? 'grid' : 'ground', x1: this.left, x2: width - 6, y1: this.y(step), y2: this.y(step)}),
          s('text', {class: 'tick', x: this.left - 8 * scale, y: this.y(step) + 4 * scale, 'text-anchor': 'end'}, short(step)));
      }
      const every = Math.max(1, Math.ceil(values.length / Math.max(2, Math.floor(this.inner / (64 * scale)))));
      for (let i = 0; i < values.length; i += every) {
        if (this.x(i) > width - 16 * scale && i > 0) break;
        parts.push(s('text', {class: 'tick', x: this.x(i), y: height - 6 * scale, 'text-anchor': this.drawnBars || i ? 'middle' : 'start'}, ticks(i)));
      }
    }
    if (this.drawnBars) {
      const step = this.inner / values.length;
      const thick = Math.max(1, Math.min(step * 0.72, 56 * scale));
      values.forEach((value, i) => {
        if (!value) return;
        const top = Math.min(this.y(value), this.y(0) - 1.5);
        const round = Math.min(3 * scale, thick / 3, this.y(0) - top);
        const left = this.x(i) - thick / 2;
        parts.push(s('path', {
          class: 'column' + (open && i === values.length - 1 ? ' open' : ''),
          d: `M${left} ${this.y(0)}V${top + round}Q${left} ${top} ${left + round} ${top}H${left + thick - round}Q${left + thick} ${top} ${left + thick} ${top + round}V${this.y(0)}Z`,
        }));
      });
    } else if (values.length) {
      const path = this.line(values);
      const end = values.reduce((last, value, i) => (value === null ? last : i), 0);
      parts.push(s('path', {class: 'area', d: this.area(values)}), s('path', {class: 'line', d: path}));
      if (this.plain && values.length > 1) parts.push(s('circle', {class: 'end', cx: this.x(end), cy: this.y(values[end]), r: 3 * scale}));
    }
    if (before) parts.push(s('path', {class: 'before', d: this.line(before.slice(0, values.length))}));
    for (const line of lines || []) parts.push(s('path', {class: 'before ' + line.kind, d: this.line(line.values)}));
    this.svg.replaceChildren(...parts);
    this.cursor = null;
    if (this.at >= 0) this.mark();
  }

  mark() {
    if (!this.data || this.at >= this.data.values.length) return this.leave();
    const x = this.x(this.at);
    if (this.cursor) this.cursor.remove();
    this.cursor = s('g', null, s('line', {class: 'cursor', x1: x, x2: x, y1: this.top, y2: this.top + this.body}),
      s('circle', {class: 'dot', cx: x, cy: this.y(this.data.values[this.at] || 0), r: 4}));
    this.svg.append(this.cursor);
    this.tip.replaceChildren(h('span', null, this.data.names(this.at)), h('b', null, this.data.said(this.at)));
    this.tip.hidden = false;
    const room = this.element.clientWidth - this.tip.offsetWidth;
    this.tip.style.left = Math.max(0, Math.min(room, x - this.tip.offsetWidth / 2)) + 'px';
  }
}
