// Starts Swagger UI on our own schema; calls it makes carry the dashboard's session and CSRF token.
(() => {
  const root = document.documentElement;
  const dark = matchMedia('(prefers-color-scheme: dark)');
  const paint = () => {
    const theme = root.dataset.theme || (dark.matches ? 'dark' : 'light');
    root.classList.toggle('dark-mode', theme === 'dark');
  };
  paint();
  dark.addEventListener('change', paint);

  window.SwaggerUIBundle({
    url: '{{ schema_url|escapejs }}',
    dom_id: '#swagger-ui',
    deepLinking: true,
    // The badge of the public validator would tell another host which schema is read here.
    validatorUrl: null,
    requestInterceptor(request) {
      if (request.url.startsWith(location.origin) || request.url.startsWith('/')) {
        request.headers['{{ csrf_header_name|escapejs }}'] = '{{ csrf_token }}';
      }
      return request;
    },
  });
})();
