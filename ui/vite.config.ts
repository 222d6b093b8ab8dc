import { defineConfig } from 'vite';

const manager = process.env['SWITCHGEAR_URL'] ?? 'http://127.0.0.1:8080';

// In development the page is Vite's and the API is that of a running manager,
// which must have http://localhost:5173 among its server.allowedOrigins.
export default defineConfig({
  build: {
    assetsInlineLimit: 0, // data: URLs are not within the page's CSP
    modulePreload: { polyfill: false },
  },
  server: { proxy: { '/api': { target: manager, ws: true }, '/version': manager, '/readyz': manager } },
});
