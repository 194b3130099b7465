import { defineConfig } from 'vitest/config';
import { svelte } from '@sveltejs/vite-plugin-svelte';

/** The node that `npm run dev` talks to: the mock by default. */
const node = process.env.CHORSU_URL ?? 'http://127.0.0.1:8098';

export default defineConfig({
  plugins: [svelte()],
  build: { target: 'es2023', chunkSizeWarningLimit: 1500, assetsInlineLimit: 0, reportCompressedSize: false },
  server: { port: 5173, proxy: { '/console': node, '/feeds': { target: node, bypass: (req) => (req.headers.accept?.includes('text/html') ? req.url : undefined) } } },
  resolve: process.env.VITEST ? { conditions: ['browser'] } : {},
  test: { environment: 'happy-dom', include: ['tests/unit/**/*.test.ts', 'src/**/*.test.ts'] },
});
