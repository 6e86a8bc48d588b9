// The column chooser of lists: a column that is unticked in the menu "Columns" is hidden, and stays so.
// Runs before the first paint and watches the document: rows that still arrive and frames that
// htmx swaps are arranged before anybody sees them.
(() => {
  const CHOOSER = '[data-columns]';
  const find = (selector, inside) => inside.querySelector(selector);
  const findAll = (selector, inside) => [...inside.querySelectorAll(selector)];
  const on = (type, listener) => document.addEventListener(type, listener);

  // ------------------------------------------------------------------------- memory
  // Names of hidden columns by the id of their list. Storage may be refused or hold rubbish:
  // then the choice lasts as long as the page.
  const chosen = new Map();
  const key = (list) => `columns:${list.id}`;

  function recall(list) {
    try {
      const names = JSON.parse(localStorage.getItem(key(list)));
      return new Set(Array.isArray(names) ? names : []);
    } catch {
      return new Set();
    }
  }

  function hiddenIn(list) {
    if (!chosen.has(list.id)) chosen.set(list.id, recall(list));
    return chosen.get(list.id);
  }

  function remember(list) {
    try {
      localStorage.setItem(key(list), JSON.stringify([...hiddenIn(list)]));
    } catch {
      // Told above.
    }
  }

  // -------------------------------------------------------------------------- table
  const named = (head) => head.textContent.trim();

  // What names a row, selects it or acts on it always stays.
  function choicesOf(heads) {
    const telling = heads.filter((head) => !head.matches('.cell-check, .cell-actions'));
    return telling.length > 2 ? telling.slice(1) : [];
  }

  function offer(chooser, choices, hidden) {
    const group = find('[role="group"]', chooser);
    const pattern = find('template', chooser).content.firstElementChild;
    const offered = findAll('input', group).map((box) => box.value);
    if (offered.join('\n') !== choices.map(named).join('\n')) {
      group.replaceChildren(...choices.map((head) => {
        const item = pattern.cloneNode(true);
        item.classList.toggle('cell-minor', head.matches('.cell-minor'));
        find('input', item).value = named(head);
        find('span', item).textContent = named(head);
        return item;
      }));
    }
    findAll('input', group).forEach((box) => {
      box.checked = !hidden.has(box.value);
    });
    chooser.hidden = !choices.length;
  }

  function arrange(list) {
    const table = find('.tbl', list);
    const heads = [...(table?.tHead?.rows[0]?.cells ?? [])];
    if (!heads.length) return;
    const choices = choicesOf(heads);
    const hidden = hiddenIn(list);
    offer(find(CHOOSER, list), choices, hidden);
    const away = heads.map((head) => choices.includes(head) && hidden.has(named(head)));
    // A row of another shape, such as one cell over all columns, stays as it is.
    const rows = [...table.rows].filter((row) => row.cells.length === heads.length);
    rows.forEach((row) => [...row.cells].forEach((cell, index) => {
      cell.hidden = away[index];
    }));
  }

  // --------------------------------------------------------------------------- menu
  let focused = null;

  // A list that is fetched anew under an open menu (the search was still on its way) keeps it open.
  function reopen(list, old) {
    const before = find(`${CHOOSER} details[open]`, old);
    if (!before) return;
    const menu = find(`${CHOOSER} details`, list);
    const controls = 'summary, input, button';
    menu.open = true;
    findAll(controls, menu)[findAll(controls, before).indexOf(focused)]?.focus();
  }

  on('focusin', (event) => {
    focused = event.target;
  });

  on('change', (event) => {
    const list = event.target.closest(CHOOSER)?.closest('.list');
    if (!list) return;
    hiddenIn(list)[event.target.checked ? 'delete' : 'add'](event.target.value);
    remember(list);
    arrange(list);
  });

  on('click', (event) => {
    const list = event.target.closest('[data-columns-all]')?.closest('.list');
    if (!list) return;
    hiddenIn(list).clear();
    remember(list);
    arrange(list);
  });

  new MutationObserver((records) => {
    const gone = records.flatMap((record) => [...record.removedNodes]);
    findAll(`.list:has(${CHOOSER})`, document).forEach((list) => {
      arrange(list);
      gone.filter((old) => old !== list && old.id === list.id).forEach((old) => reopen(list, old));
    });
  }).observe(document.documentElement, { childList: true, subtree: true });
})();
