// SPDX-License-Identifier: Apache-2.0
// The token is asked for. It is tried before it is kept.

// `accepted` is called once a token was; `check` throws Refused where it does not do.
function loginForm({lead, check, accepted}) {
  const said = h('p', {class: 'notice bad', role: 'alert', hidden: true});
  const field = h('input', {type: 'password', id: 'token', autocomplete: 'off', spellcheck: 'false', required: true, 'aria-describedby': 'token-hint'});
  const form = h('form', {
    class: 'login', onsubmit: async (event) => {
      event.preventDefault();
      const before = session.token;
      session.token = field.value.trim();
      try {
        await check();
        session.keep(session.token);
        accepted();
      } catch (error) {
        session.token = before;
        said.hidden = false;
        setText(said, error.status === 401 ? t('wrong_token') : error.status === 403 ? t('token_not_for') : error.message);
        field.focus();
      }
    },
  }, h('p', {class: 'lead'}, lead), h('label', {for: 'token'}, t('token')), h('div', {class: 'row'}, field, h('button', {type: 'submit', class: 'main'}, t('sign_in'))),
  said, h('p', {class: 'notice', id: 'token-hint'}, t('token_hint')));
  return form;
}
