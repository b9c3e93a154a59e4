// SPDX-License-Identifier: Apache-2.0
// Elements. What comes from outside becomes text nodes and values of attributes, never markup.

const SVG = 'http://www.w3.org/2000/svg';

function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes || {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith('on')) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? '' : String(value));
  }
  element.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

// h('button', {class: 'quiet', onclick: save}, 'Save')
function h(name, attributes, ...children) {
  return fill(document.createElement(name), attributes, children);
}

function s(name, attributes, ...children) {
  return fill(document.createElementNS(SVG, name), attributes, children);
}

// Sets a text where it is another: a screen reader is not told twice, and nothing is laid out anew.
function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

function button(label, action, attributes) {
  return h('button', {type: 'button', onclick: action, ...attributes}, label);
}

// One of several: radio buttons that look like one control. `choices`: [[value, label]].
let groups = 0;
function choice(legend, choices, value, changed) {
  const name = 'choice' + ++groups;
  return h('fieldset', {class: 'choice'}, h('legend', {class: 'hidden'}, legend),
    choices.map(([key, label]) => h('label', null,
      h('input', {type: 'radio', name, value: key, checked: key === value, onchange: () => changed(key)}),
      h('span', null, label))));
}

function select(label, choices, value, changed) {
  return h('label', {class: 'select'}, h('span', null, label),
    h('select', {onchange: (event) => changed(event.target.value)},
      choices.map(([key, text]) => h('option', {value: key, selected: key === value}, text))));
}

// Storage may be forbidden: then nothing is remembered.
function remember(storage, key, value) {
  try {
    if (value === null) window[storage].removeItem(key);
    else if (value !== undefined) window[storage].setItem(key, value);
    return window[storage].getItem(key);
  } catch {
    return null;
  }
}
