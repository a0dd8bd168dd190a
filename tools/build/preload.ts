// The session's worker is fetched while the page's own script runs: a browser learns of a worker
// only when it is started.
import type { Plugin } from "vite";

const workerSource = "/src/session/worker.ts";

/** An asset has neither. */
interface Chunk {
  facadeModuleId?: string | null;
  imports?: readonly string[];
}

/** Plugins for the page and for its workers. */
export function workerPreload(): { page: Plugin; worker: Plugin } {
  let files: string[] = [];
  return {
    worker: {
      name: "worker-preload-worker",
      generateBundle: (_, bundle) => {
        files = [...files, ...scriptsOf(bundle as Record<string, Chunk>)];
      },
    },
    page: {
      name: "worker-preload",
      apply: "build",
      transformIndexHtml: {
        order: "post", // workers are built before
        handler: () =>
          files.map((file) => ({
            tag: "link",
            attrs: { rel: "modulepreload", href: `./${file}` },
            injectTo: "head",
          })),
      },
    },
  };
}

/** The worker's script and all that it imports at once; none of another worker's bundle. */
export function scriptsOf(bundle: Readonly<Record<string, Chunk>>): string[] {
  const entry = Object.keys(bundle).find((name) =>
    bundle[name]?.facadeModuleId?.endsWith(workerSource),
  );
  const found = new Set<string>();
  const visit = (name: string) => {
    if (!found.has(name)) {
      found.add(name);
      bundle[name]?.imports?.forEach(visit);
    }
  };
  if (entry !== undefined) {
    visit(entry);
  }
  return [...found];
}
