// Starts workers under the content security policy of their creator. A worker from a URL has the
// policy of its own response, and a static host sends none; a worker from a blob inherits.

interface UrlPolicy {
  createScriptURL(url: string): string;
}

interface TrustedTypes {
  createPolicy(name: string, rules: { createScriptURL: (url: string) => string }): UrlPolicy;
}

let policy: UrlPolicy | undefined;

/** @param script absolute URL of a module of this origin */
export function startModuleWorker(script: string, name: string): Worker {
  const bootstrap = new Blob([`import ${JSON.stringify(script)};`], { type: "text/javascript" });
  const url = URL.createObjectURL(bootstrap);
  return new Worker(trusted(url), { type: "module", name });
}

/** Where Trusted Types are enforced, these are the only script URLs that the page creates. */
function trusted(url: string): string {
  const { trustedTypes } = globalThis as { trustedTypes?: TrustedTypes };
  policy ??= trustedTypes?.createPolicy("anneal-worker", { createScriptURL: (given) => given });
  return policy?.createScriptURL(url) ?? url;
}
