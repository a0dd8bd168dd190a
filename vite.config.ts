// Builds the page: one entry, one module worker, relative URLs so that any static host will do.
import { svelte } from "@sveltejs/vite-plugin-svelte";
import { defineConfig, type Plugin } from "vite";
import { thirdPartyNotices } from "./tools/build/notices.ts";
import { workerPreload } from "./tools/build/preload.ts";
import { localHeaders } from "./tools/support/headers.ts";

/**
 * No script but the page's own, no markup from text. Where it may connect to is narrowed to this
 * origin and the chosen hub by src/app/connections.ts, for a policy in the file cannot know a
 * mirror.
 */
const policy = [
  "default-src 'none'",
  "script-src 'self' 'wasm-unsafe-eval'",
  "style-src 'self' 'unsafe-inline'",
  "worker-src 'self' blob:",
  "img-src 'self' data: blob:",
  "connect-src 'self' https: http://127.0.0.1:* http://localhost:*",
  "base-uri 'none'",
  "form-action 'none'",
  "object-src 'none'",
  "require-trusted-types-for 'script'",
  "trusted-types svelte-trusted-html anneal-worker",
].join("; ");

const contentSecurityPolicy: Plugin = {
  name: "content-security-policy",
  apply: "build", // Vite's dev server injects inline scripts
  transformIndexHtml: () => [
    {
      tag: "meta",
      attrs: { "http-equiv": "Content-Security-Policy", content: policy },
      injectTo: "head-prepend",
    },
  ],
};

const notices = thirdPartyNotices();
const preload = workerPreload();

export default defineConfig({
  base: "./",
  plugins: [svelte({ configFile: false }), contentSecurityPolicy, notices.page, preload.page],
  worker: { format: "es", plugins: () => [notices.worker, preload.worker] },
  build: { target: "es2023", chunkSizeWarningLimit: 1500, modulePreload: { polyfill: false } },
  preview: { host: "127.0.0.1", headers: localHeaders },
});
