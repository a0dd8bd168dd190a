// Builds the page: one entry, one module worker, relative URLs so that any static host will do.
import { svelte } from "@sveltejs/vite-plugin-svelte";
import { defineConfig, type Plugin } from "vite";

/** The browser itself refuses every request that does not go to this origin. */
const policy = [
  "default-src 'none'",
  "script-src 'self' 'wasm-unsafe-eval'",
  "style-src 'self' 'unsafe-inline'",
  "worker-src 'self'",
  "img-src 'self' data: blob:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "object-src 'none'",
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

export default defineConfig({
  base: "./",
  plugins: [svelte({ configFile: false }), contentSecurityPolicy],
  worker: { format: "es" },
  build: { target: "es2023", chunkSizeWarningLimit: 1500 },
  preview: { host: "127.0.0.1" },
});
