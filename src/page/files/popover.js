// Places popovers below the buttons that open them.

import { $$ } from './dom.js';

for (const popover of $$('[popover]')) {
  popover.addEventListener('beforetoggle', ({ newState }) => {
    if (newState !== 'open') return;
    const button = document.querySelector(`[popovertarget="${popover.id}"]`).getBoundingClientRect();
    popover.style.setProperty('top', `${button.bottom + 4}px`);
    popover.style.setProperty('right', `${Math.max(8, window.innerWidth - button.right)}px`);
  });
  // A popover near the left edge would leave the window.
  popover.addEventListener('toggle', ({ newState }) => {
    if (newState !== 'open' || popover.getBoundingClientRect().left >= 8) return;
    popover.style.setProperty('right', 'auto');
    popover.style.setProperty('left', '8px');
  });
}
