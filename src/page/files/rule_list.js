// The rulebook as a list, the outermost rule first.

import { $, h } from './dom.js';
import { WindowedList } from './windowed_list.js';
import { conditions, conditionWords, doing, eventsOf, statusWords } from './rule_words.js';

const MARKS = { armed: '●', disabled: '○', 'used-up': '◌', shadowed: '◐' };

export class RuleList {
  // `open(rule)` opens a rule, `isDraft(number)` says whether its text was changed and not applied.
  constructor({ open, isDraft }) {
    this.list = new WindowedList($('#rule-list'), {
      rowHeight: 58,
      label: 'Rules, the outermost first',
      key: ({ number }) => number,
      render: (rule) => row(rule, isDraft(rule.number)),
    });
    this.list.addEventListener('open', ({ detail }) => open(detail.item));
  }

  // Shows the rules that have all of these words, and says how many. `current` is the open one.
  show(rules, words, current) {
    const text = (rule) => `${rule.number} ${rule.text} ${rule.status} ${rule.origin}`.toLowerCase();
    const found = words.length ? rules.filter((rule) => words.every((word) => text(rule).includes(word))) : rules;
    this.list.set(found);
    const at = current ? found.indexOf(current) : -1;
    if (at >= 0 && current.number !== this.current) this.list.moveTo(at);
    this.current = current?.number ?? null;
    return found.length;
  }

  redraw() {
    this.list.set(this.list.items);
  }

  step(by) {
    this.list.moveTo(this.list.cursor + by, { focus: true });
  }
}

function row(rule, isDraft) {
  const { rule: its, status, fired, asked, without_effect: without } = rule;
  const when = conditions(its.when).map(conditionWords).join(', ');
  const counts = [`asked ${asked}`, without ? `${without} without effect` : null].filter(Boolean).join(' · ');
  return [
    h('span.state', { class: status, 'aria-hidden': 'true' }, MARKS[status]),
    h('span.words', {}, h('span.clip', {}, h('b.mono', {}, its.id), ' ', h('span.muted.mono', {}, eventsOf(its).join(', '))), h('span.clip.muted', { title: doing(its) }, when ? `${when} → ${doing(its)}` : doing(its))),
    h('span.numbers-of', {}, h('span.tag', { class: fired && status === 'armed' ? 'rule' : status }, statusWords(rule)), h('span.count', {}, isDraft ? 'edited · ' : '', rule.loaded ? 'scenario · ' : '', counts)),
  ];
}
