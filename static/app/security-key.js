// Says in words why a security key or passkey did not work; the ceremony itself is allauth's.
(() => {
  const WORDS = {
    NotAllowedError: 'The key was not used, or the time was up. Try again.',
    InvalidStateError: 'This key is registered already.',
    SecurityError: 'Security keys work on this site’s own name only, over https or on localhost.',
    NotSupportedError: 'This browser cannot use that kind of key.',
  };

  document.addEventListener('allauth.error', (event) => {
    event.preventDefault();
    const place = document.querySelector('#key-refusal');
    if (!place) return;
    const { exception } = event.detail;
    place.textContent = WORDS[exception.name] || 'The key could not be used. Try again, or use a code.';
    place.hidden = false;
  });
})();
