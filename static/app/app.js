// Progressive enhancement only: everything below also works as plain links and forms.
// One listener per event on the document, so that regions swapped in by htmx need no set-up.
(() => {
  const root = document.documentElement;
  const find = (selector, inside = document) => inside.querySelector(selector);
  const findAll = (selector, inside = document) => [...inside.querySelectorAll(selector)];
  const on = (type, listener, options) => document.addEventListener(type, listener, options);

  // ------------------------------------------------------------------------- toasts
  const TOAST_MS = 6000;

  function expire(toast) {
    // Errors stay until they are closed; others wait while somebody reads them.
    if (toast.classList.contains('is-error')) return;
    const later = () => {
      if (toast.matches(':hover, :focus-within')) setTimeout(later, 1000);
      else toast.remove();
    };
    setTimeout(later, TOAST_MS);
  }

  function toast(text, level = 'success') {
    // What lies under an open dialog cannot be reached.
    const box = find('dialog[open] .toasts') || find('#toasts');
    const pattern = find(`#toast-${level}`) || find('#toast-success');
    if (!box || !pattern) return;
    const item = pattern.content.firstElementChild.cloneNode(true);
    find('span', item).textContent = text;
    box.append(item);
    expire(item);
  }

  // --------------------------------------------------------------------------- copy
  async function copy(button) {
    try {
      await navigator.clipboard.writeText(button.dataset.copy);
    } catch {
      toast('Copying failed. Select the text and press Ctrl C.', 'error');
      return;
    }
    button.classList.add('is-done');
    setTimeout(() => button.classList.remove('is-done'), 1500);
    toast('Copied');
  }

  // -------------------------------------------------------------------------- theme
  function setTheme(choice) {
    const dark = matchMedia('(prefers-color-scheme: dark)').matches;
    root.dataset.theme = choice;
    root.dataset.bsTheme = choice || (dark ? 'dark' : 'light');
    const lifetime = choice ? 31536000 : 0;
    const secure = location.protocol === 'https:' ? ';secure' : '';
    document.cookie = `theme=${choice};path=/;max-age=${lifetime};samesite=lax${secure}`;
    markTheme();
    document.dispatchEvent(new Event('themechange'));
  }

  function markTheme() {
    findAll('[data-theme-choice]').forEach((button) => {
      const chosen = button.dataset.themeChoice === (root.dataset.theme || '');
      button.setAttribute('aria-pressed', String(chosen));
    });
  }

  // -------------------------------------------------------------------------- menus
  function place(menu) {
    const list = find('.menu-list', menu);
    if (!list || !menu.closest('.table-wrap')) return;
    const box = menu.getBoundingClientRect();
    list.classList.add('is-fixed');
    const below = box.bottom + 4;
    const fits = below + list.offsetHeight < innerHeight;
    list.style.top = `${fits ? below : Math.max(8, box.top - list.offsetHeight - 4)}px`;
    list.style.left = `${Math.max(8, box.right - list.offsetWidth)}px`;
  }

  function closeMenus(except) {
    findAll('details.menu[open]').forEach((menu) => {
      if (menu !== except && !menu.contains(except)) menu.open = false;
    });
  }

  // On a phone a menu of the top bar covers most of the page: the page waits behind it.
  function coverPage(menu) {
    const list = find('.menu-list', menu);
    const narrow = matchMedia('(max-width: 767.98px)').matches;
    find('#main').inert = narrow && Boolean(find('.top details.menu[open]'));
    if (menu.open && narrow) {
      const summary = find('summary', menu);
      list.setAttribute('role', 'dialog');
      list.setAttribute('aria-modal', 'true');
      list.setAttribute('aria-label', summary.ariaLabel || summary.textContent.trim());
    } else {
      ['role', 'aria-modal', 'aria-label'].forEach((name) => list.removeAttribute(name));
    }
  }

  on('toggle', (event) => {
    const menu = event.target;
    if (!menu.matches?.('details.menu')) return;
    if (menu.closest('.top')) coverPage(menu);
    if (!menu.open) return;
    closeMenus(menu);
    place(menu);
  }, true);

  on('scroll', (event) => {
    if (event.target.matches?.('.table-wrap') || event.target === document) {
      findAll('.menu-list.is-fixed').forEach((list) => {
        list.closest('details').open = false;
      });
    }
  }, true);

  function menuKeys(event, menu) {
    if (event.key === 'Escape') {
      menu.open = false;
      find('summary', menu).focus();
      return;
    }
    event.preventDefault();
    menu.open = true;
    // An item is a link, a button, or the label of a box; some are left out on a small screen.
    const items = findAll('.menu-item', menu)
      .map((item) => item.control || item)
      .filter((item) => item.offsetParent);
    if (!items.length) return;
    const at = items.indexOf(document.activeElement);
    const step = event.key === 'ArrowDown' ? 1 : -1;
    const next = at < 0 ? (step > 0 ? 0 : items.length - 1) : at + step;
    items[(next + items.length) % items.length].focus();
  }

  // ----------------------------------------------------------- side menu on a phone
  function setSide(open) {
    const side = find('#side');
    const opener = find('[data-side-open]');
    if (!side || !opener) return;
    side.classList.toggle('is-open', open);
    find('.shell-main').inert = open;
    opener.setAttribute('aria-expanded', String(open));
    if (open) {
      side.setAttribute('role', 'dialog');
      side.setAttribute('aria-modal', 'true');
      find('[data-side-close]', side).focus();
      return;
    }
    side.setAttribute('role', 'complementary');
    side.removeAttribute('aria-modal');
    if (location.hash === '#side') {
      history.replaceState(null, '', location.pathname + location.search);
    }
    opener.focus();
  }

  const sideIsOpen = () => find('#side')?.classList.contains('is-open');

  // ------------------------------------------------------------------------ dialogs
  // A link with hx-target="#dialog-body" fills the dialog; the server's answer opens it.
  const dialog = () => find('#dialog');
  let opener = null;

  // The entry of a menu cannot take the focus back: its menu closes as soon as the focus leaves.
  function showDialog(box, from) {
    const menu = from?.closest('details.menu');
    opener = menu ? find('summary', menu) : from;
    box.showModal();
  }

  on('close', (event) => {
    if (!event.target.matches?.('dialog')) return;
    find('#toasts')?.append(...findAll('.toast-message', event.target));
    if (opener?.isConnected) opener.focus();
    opener = null;
  }, true);

  function openDialog(from) {
    const box = dialog();
    if (!box || box.open) return;
    const heading = find('h1, h2', box);
    if (heading) {
      heading.id ||= 'dialog-title';
      box.setAttribute('aria-labelledby', heading.id);
    }
    showDialog(box, from);
  }

  // ---------------------------------------------------------------- bulk selection
  let lastBox = null;
  const boxesOf = (form) => findAll('input[name="ids"]', form);

  function countSelected(form) {
    const boxes = boxesOf(form);
    const chosen = boxes.filter((box) => box.checked).length;
    const everything = find('input[name="all"]', form)?.checked;
    const output = find('.bulk output', form);
    if (output) output.textContent = everything ? 'All matching selected' : `${chosen} selected`;
    const head = find('[data-check-all]', form);
    if (head) {
      head.checked = boxes.length > 0 && chosen === boxes.length;
      head.indeterminate = chosen > 0 && chosen < boxes.length;
    }
  }

  function selectRange(box, form) {
    const boxes = boxesOf(form);
    const [from, to] = [boxes.indexOf(lastBox), boxes.indexOf(box)].sort((a, b) => a - b);
    if (from < 0) return;
    boxes.slice(from, to + 1).forEach((each) => {
      each.checked = box.checked;
    });
  }

  // ----------------------------------------------------------------- double submits
  function markBusy(form, submitter) {
    form.dataset.busy = '1';
    submitter?.classList.add('is-busy');
    submitter?.setAttribute('aria-disabled', 'true');
  }

  function clearBusy(form) {
    delete form.dataset.busy;
    findAll('.is-busy', form).forEach((button) => {
      button.classList.remove('is-busy');
      button.removeAttribute('aria-disabled');
    });
  }

  on('submit', (event) => {
    const form = event.target;
    // A download leaves the page as it is: nothing would ever say that it is done.
    if (form.method !== 'post' || 'download' in form.dataset) return;
    if (form.dataset.busy) {
      event.preventDefault();
      event.stopImmediatePropagation();
      return;
    }
    markBusy(form, event.submitter);
  }, true);

  on('htmx:afterRequest', (event) => {
    const form = event.target.closest?.('form');
    if (form) clearBusy(form);
  });

  // A page that comes back from the browser's cache must be usable again.
  addEventListener('pageshow', () => findAll('form[data-busy]').forEach(clearBusy));

  // --------------------------------------------------------------------------- htmx
  const WAITING = 'switchyard.toasts';

  // A part that asks for itself again: when that fails it must not fill the screen, the next one tries.
  const isLive = (element) => Boolean(element?.matches?.('[data-live]'));

  // A request that was led elsewhere (signed out, or the redirect after a POST) becomes a visit.
  // Its answer has used up Django's messages, so they are carried over.
  on('htmx:beforeSwap', (event) => {
    const { xhr, requestConfig } = event.detail;
    if (!xhr.responseURL) return;
    const asked = new URL(requestConfig.path, location).pathname;
    const wholePage = /^\s*<!doctype/i.test(xhr.responseText);
    if (new URL(xhr.responseURL).pathname === asked) return;
    if (isLive(event.target)) {
      // The address of a part is no place to come back to: its page is.
      event.detail.shouldSwap = false;
      location.reload();
      return;
    }
    if (requestConfig.verb === 'get' && !wholePage) return;
    event.detail.shouldSwap = false;
    const answer = new DOMParser().parseFromString(xhr.responseText, 'text/html');
    const messages = findAll('.toast-message', answer)
      .filter((item) => !item.closest('template'))
      .map((item) => [
        find('span', item).textContent,
        item.classList.contains('is-error') ? 'error' : 'success',
      ]);
    if (messages.length) sessionStorage.setItem(WAITING, JSON.stringify(messages));
    location.assign(xhr.responseURL);
  });

  function showWaiting() {
    const waiting = JSON.parse(sessionStorage.getItem(WAITING) || '[]');
    sessionStorage.removeItem(WAITING);
    waiting.forEach(([text, level]) => toast(text, level));
  }

  on('htmx:afterSwap', (event) => {
    if (event.target.id === 'dialog-body' && event.target.childElementCount) {
      openDialog(event.detail.requestConfig?.elt);
    }
    findAll('form:has(.bulk)').forEach(countSelected);
  });

  on('htmx:oobAfterSwap', () => findAll('#toasts .toast-message').forEach(expire));

  // A refusal comes as a problem document: its sentence says what to do.
  function refusalOf(xhr) {
    const kind = xhr.getResponseHeader('Content-Type') || '';
    const said = kind.startsWith('application/problem+json') && JSON.parse(xhr.responseText).detail;
    return said || 'That request was refused. Reload the page and try again.';
  }

  on('htmx:responseError', (event) => {
    const { xhr, elt } = event.detail;
    const failed = xhr.status >= 500;
    if (isLive(elt)) {
      if (failed || xhr.status === 429) return;
      elt.dataset.live = 'over';
    }
    toast(
      failed
        ? 'The server could not do that. Nothing was changed. Please try again.'
        : refusalOf(xhr),
      'error',
    );
  });

  on('htmx:sendError', (event) => {
    if (isLive(event.target)) return;
    toast('No connection. Check your network and try again.', 'error');
  });

  // ------------------------------------------------------------------------- live
  // Nobody looks at a page in the background, and what was refused once is refused again.
  on('htmx:beforeRequest', (event) => {
    const { elt } = event.detail;
    if (isLive(elt) && (document.hidden || elt.dataset.live === 'over')) event.preventDefault();
  });

  // A server answer with HX-Trigger: lists:changed. Who is at work in a list is left alone until then.
  const AT_WORK = ':is(a, button, summary, input, select, textarea):focus';

  function refreshLists() {
    const lists = findAll('.list');
    if (lists.some((list) => find(AT_WORK, list))) {
      on('focusout', () => setTimeout(refreshLists), { once: true });
      return;
    }
    // One that is being fetched is new in a moment.
    lists.filter((list) => !list.matches('.htmx-request')).forEach((list) => {
      const selector = `#${list.id}`;
      htmx.ajax('GET', location.href, { target: selector, select: selector, swap: 'outerHTML' });
    });
  }

  on('lists:changed', refreshLists);

  // A server answer with HX-Trigger: dialog:close
  on('dialog:close', () => dialog()?.close());

  // ------------------------------------------------------------------------- clicks
  on('click', (event) => {
    const target = event.target;
    if (!target.closest('details.menu')) closeMenus();

    if (target.name === 'ids' && target.form) {
      if (event.shiftKey && lastBox) selectRange(target, target.form);
      lastBox = target;
      countSelected(target.form);
      return;
    }

    const hook = target.closest(
      '[data-copy], [data-theme-choice], [data-dialog-close], [data-toast-close], '
        + '[data-shortcuts], [data-side-open], [data-side-close]',
    );
    if (!hook) {
      if (sideIsOpen() && !target.closest('#side')) setSide(false);
      return;
    }
    const { dataset } = hook;
    if ('copy' in dataset) copy(hook);
    else if ('themeChoice' in dataset) {
      setTheme(dataset.themeChoice);
      closeMenus();
    } else if ('toastClose' in dataset) hook.closest('.toast-message').remove();
    else if ('shortcuts' in dataset) showDialog(find('#shortcuts'), hook);
    else if ('sideOpen' in dataset) {
      event.preventDefault();
      setSide(true);
    } else if ('sideClose' in dataset) {
      event.preventDefault();
      setSide(false);
    } else if (hook.closest('dialog')) {
      event.preventDefault();
      hook.closest('dialog').close();
    }
  });

  on('change', (event) => {
    const { form, dataset } = event.target;
    if (!form || !find('.bulk', form)) return;
    if ('checkAll' in dataset) {
      boxesOf(form).forEach((box) => {
        box.checked = event.target.checked;
      });
    }
    countSelected(form);
  });

  // ----------------------------------------------------------------------- keyboard
  let wentAt = 0;

  function shortcut(event) {
    if (event.key === '/') {
      const search = find('#search') || find('[type="search"]');
      if (!search) return;
      event.preventDefault();
      search.focus();
    } else if (event.key === '?') {
      const box = find('#shortcuts');
      if (box) showDialog(box, document.activeElement);
    } else if (event.key === 'g') {
      wentAt = Date.now();
    } else if (Date.now() - wentAt < 1200 && /^[a-z]$/.test(event.key)) {
      find(`[data-go="${event.key}"]`)?.click();
    }
  }

  on('keydown', (event) => {
    const menu = event.target.closest?.('details.menu');
    if (menu && ['Escape', 'ArrowDown', 'ArrowUp'].includes(event.key)) {
      menuKeys(event, menu);
      return;
    }
    if (event.key === 'Escape' && sideIsOpen()) {
      setSide(false);
      return;
    }
    if (event.key === ' ' && event.target.matches?.('a[role="button"]')) {
      event.preventDefault();
      event.target.click();
      return;
    }
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target.closest?.('input, textarea, select, [contenteditable], dialog[open]')) return;
    shortcut(event);
  });

  on('focusin', (event) => {
    if (!event.target.closest('details.menu')) closeMenus();
  });

  markTheme();
  showWaiting();
  findAll('#toasts .toast-message').forEach(expire);
})();
