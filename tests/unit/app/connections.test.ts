// Hub addresses that are accepted, and the connections that the policy then allows.
import { afterEach, describe, expect, test, vi } from "vitest";
import {
  chooseHub,
  chosenHub,
  connectSources,
  defaultHub,
  fileSource,
  hubAddress,
} from "../../../src/app/connections.ts";

describe("a hub address", () => {
  test.each([
    ["", "https://huggingface.co"],
    ["  ", "https://huggingface.co"],
    ["https://huggingface.co/org/name", "https://huggingface.co"],
    ["https://hf-mirror.com/", "https://hf-mirror.com"],
    [" https://Mirror.example:8443 ", "https://mirror.example:8443"],
    ["https://mirror.example/artifactory/api/hub/", "https://mirror.example/artifactory/api/hub"],
    ["http://localhost:8090", "http://localhost:8090"],
    ["http://127.0.0.1:8090/hub?x=1#y", "http://127.0.0.1:8090/hub"],
    ["https://user:secret@mirror.example", "https://mirror.example"],
  ])("typed as %j is normalised to %s", (typed, address) => {
    expect(hubAddress(typed)).toBe(address);
  });

  test.each(["hf-mirror.com", "http://mirror.example", "file:///hub", "javascript:alert(1)", "x"])(
    "is refused when typed as %j",
    (typed) => {
      expect(hubAddress(typed)).toBeNull();
    },
  );
});

describe("a browser that blocks site data", () => {
  afterEach(() => vi.unstubAllGlobals());

  test("uses the default hub and refuses another with the reason", () => {
    const blocked = () => {
      throw new DOMException("Access is denied for this document.", "SecurityError");
    };
    vi.stubGlobal("localStorage", { getItem: blocked, setItem: blocked });
    expect(chosenHub()).toBe(defaultHub);
    expect(chooseHub("https://mirror.example")).toContain("Allow site data");
  });
});

describe("the connection policy", () => {
  /** Host-part matching of CSP 3 (6.7.2.8), for the kinds of sources that the page uses. */
  const allows = (hub: string, address: string) => {
    const { protocol, hostname, origin } = new URL(address);
    return connectSources(hub).some((source) =>
      source.startsWith(`${protocol}//*.`)
        ? hostname.endsWith(source.slice(`${protocol}//*`.length))
        : source.endsWith(":*")
          ? source === `${protocol}//${hostname}:*`
          : source === origin,
    );
  };

  // Hosts in huggingface.co/.well-known/meta.json, and those that still store older files.
  const downloads = [
    "cdn-lfs.hf.co",
    "cdn-lfs-us-1.hf.co",
    "cdn-lfs.huggingface.co",
    "cas-bridge.xethub.hf.co",
    "transfer.xethub-eu.hf.co",
    "us.aws.cdn.hf.co",
    "us-east1.us.gcp.cdn.hf.co",
  ].map((host) => `https://${host}/xet-bridge-us/file?Signature=x`);

  test.each(["https://huggingface.co", "https://mirror.example/artifactory/api/hub"])(
    "for the hub %s allows its download hosts and no other host",
    (hub) => {
      expect(allows(hub, `${hub}/org/name/resolve/main/config.json`)).toBe(true);
      expect(downloads.filter((address) => !allows(hub, address))).toEqual([]);
      const strangers = ["https://evil.example", "https://nothf.co", "http://cdn.hf.co"];
      expect(strangers.filter((address) => allows(hub, address))).toEqual([]);
    },
  );

  test("an allowed file adds its own address and nothing beside it", () => {
    expect(fileSource("https://example.org/a/rows;1,2.jsonl?token=x")).toBe(
      "https://example.org/a/rows%3B1%2C2.jsonl",
    );
  });

  test("for a hub on this machine allows only the host name it was given", () => {
    const hub = "http://127.0.0.1:8090";
    expect(allows(hub, "http://127.0.0.1:9000/file")).toBe(true);
    expect(allows(hub, "http://localhost:8090")).toBe(false);
    expect(downloads.filter((address) => allows(hub, address))).toEqual([]);
  });
});
