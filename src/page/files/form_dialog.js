// Dialogs with a form, which stand in the template as `<dialog class="form"><form>…`.

import { $, $$ } from './dom.js';
import { Problem } from './api.js';

// Opens the dialog with these values in its fields. `submit(data, form)` gets them as an object; the dialog closes when it
// succeeds, and shows why it fails.
export function openForm(id, values, submit) {
  const dialog = document.getElementById(id);
  const form = $('form', dialog);
  form.reset();
  for (const [name, value] of Object.entries(values)) if (form.elements[name]) form.elements[name].value = value ?? '';
  show(dialog, null);
  form.onsubmit = async (event) => {
    event.preventDefault();
    const button = $('.buttons button:not([type])', form);
    button.disabled = true;
    try {
      await submit(Object.fromEntries(new FormData(form)), form);
      dialog.close();
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      show(dialog, error);
    } finally {
      button.disabled = false;
    }
  };
  $('button[value=cancel]', form).onclick = () => dialog.close();
  dialog.showModal();
  return dialog;
}

function show(dialog, error) {
  const place = $('.problem', dialog);
  const details = error?.problems?.map(({ place: where, message, help }) => `${where}: ${message}${help ? ` (${help})` : ''}`) ?? [];
  place.textContent = error ? [error.message, ...details].join('\n') : '';
  place.hidden = !error;
  for (const field of $$('[aria-invalid]', dialog)) field.removeAttribute('aria-invalid');
  const field = error?.field && dialog.querySelector(`[name="${CSS.escape(error.field.split(/[.[]/)[0])}"]`);
  if (!field) return;
  field.setAttribute('aria-invalid', 'true');
  field.focus();
}

// `a, b` as a list.
export const list = (text) => text.split(/[\s,]+/).filter(Boolean);
