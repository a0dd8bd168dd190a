// The report to the page around this one: asked for by the address, begun and ended by the visitor.
import { HostReporter } from "../../host/reporter.ts";
import type { DeviceInfo } from "../../session/protocol.ts";
import { isFramed } from "./framed.ts";

export class HostLink {
  /** Origin that asks for a report; null without one, and where no page is around this one. */
  readonly origin: string | null;
  readonly reporter = new HostReporter();
  isAsking = $state(false);
  isReporting = $state(false);

  constructor(origin: string | null) {
    this.origin = isFramed ? origin : null;
    this.isAsking = this.origin !== null;
  }

  allow(device: DeviceInfo | null): void {
    const { origin } = this;
    if (origin === null) {
      return;
    }
    this.isAsking = false;
    this.isReporting = true;
    // The browser drops a message where the page around has another origin.
    this.reporter.allow((message) => {
      window.parent.postMessage(message, origin);
    }, device);
  }

  /** Also ends a report that was allowed. */
  refuse(): void {
    this.isAsking = this.isReporting = false;
    this.reporter.stop();
  }
}
