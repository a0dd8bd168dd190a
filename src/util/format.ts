// Formats figures for people: bytes in decimal units, durations, counts, rates, losses, times.
// Pure; English only.

const countFormat = new Intl.NumberFormat("en-US", { maximumFractionDigits: 0 });

/** "412", "38,120". */
export function formatCount(count: number): string {
  return countFormat.format(count);
}

/** A count with its noun: "1 row", "412 rows". */
export function formatCountOf(count: number, one: string, many = `${one}s`): string {
  return `${formatCount(count)} ${count === 1 ? one : many}`;
}

/** "980 B", "61.2 kB", "6.1 MB", "269 MB", "1.92 GB": decimal units, about three digits. */
export function formatBytes(bytes: number): string {
  return bytes < 999.5 ? `${bytes.toFixed(0)} B` : scaled(bytes, ["kB", "MB", "GB", "TB"]);
}

/** "950", "73.7 k", "1.0 M", "135 M", "1.24 B": parameters, as models are named. */
export function formatParameters(count: number): string {
  return count < 999.5 ? formatCount(count) : scaled(count, ["k", "M", "B", "T"]);
}

/** "0.4 s", "3 s", "6 min", "1 h 12 min", "2 d 3 h". */
export function formatDuration(durationMs: number): string {
  const seconds = Math.max(0, durationMs) / 1000;
  if (seconds < 0.95) {
    return `${seconds.toFixed(1)} s`;
  }
  if (seconds < 89.5) {
    return `${Math.round(seconds)} s`;
  }
  const minutes = Math.round(seconds / 60);
  if (minutes < 60) {
    return `${minutes} min`;
  }
  const hours = Math.floor(minutes / 60);
  return hours < 48
    ? pair(hours, "h", minutes % 60, "min")
    : pair(Math.floor(hours / 24), "d", hours % 24, "h");
}

/** "6 min left". */
export function formatRemaining(remainingMs: number): string {
  return `${formatDuration(remainingMs)} left`;
}

/** "2,140 tok/s", "3.4 tok/s". */
export function formatTokenRate(tokensPerSecond: number): string {
  const figure = tokensPerSecond < 10 ? tokensPerSecond.toFixed(1) : formatCount(tokensPerSecond);
  return `${figure} tok/s`;
}

/** "12.4 MB/s". */
export function formatByteRate(bytesPerSecond: number): string {
  return `${formatBytes(bytesPerSecond)}/s`;
}

/** A loss in nats with four significant digits or three: "1.832", "11.41", "0.0512". */
export function formatLoss(loss: number, digits = 4): string {
  if (!Number.isFinite(loss)) {
    return "not a number";
  }
  if (loss === 0) {
    return "0";
  }
  return Math.abs(loss) < 0.001
    ? loss.toExponential(digits - 2)
    : loss.toPrecision(Math.abs(loss) < 0.1 ? digits - 1 : digits);
}

/** "32 %", rounded down so that 100 % means all of it. */
export function formatPercent(share: number): string {
  return `${Math.floor(share * 100)} %`;
}

/** A setting in its usual notation: "16", "0.03", "2e-4". */
export function formatSetting(value: number): string {
  return value !== 0 && Math.abs(value) < 0.001 ? value.toExponential() : String(value);
}

/** "just now", "5 minutes ago", "2 hours ago", "3 days ago". */
export function formatAgo(timeMs: number, nowMs: number): string {
  const minutes = Math.floor((nowMs - timeMs) / 60_000);
  if (minutes < 1) {
    return "just now";
  }
  if (minutes < 60) {
    return `${formatCountOf(minutes, "minute")} ago`;
  }
  const hours = Math.floor(minutes / 60);
  return hours < 48
    ? `${formatCountOf(hours, "hour")} ago`
    : `${formatCountOf(Math.floor(hours / 24), "day")} ago`;
}

/** Time of day with seconds, local: "14:03:09". */
export function formatClock(timeMs: number): string {
  return new Date(timeMs).toLocaleTimeString("en-GB");
}

/** Day and time, local: "22 Nov 2025, 14:03". */
export function formatDateTime(timeMs: number): string {
  return new Date(timeMs).toLocaleString("en-GB", { dateStyle: "medium", timeStyle: "short" });
}

function pair(large: number, largeUnit: string, small: number, smallUnit: string): string {
  return small === 0 ? `${large} ${largeUnit}` : `${large} ${largeUnit} ${small} ${smallUnit}`;
}

/** Scales by thousands so that the rounded figure stays below 1000. */
function scaled(value: number, units: readonly string[]): string {
  let figure = value / 1000;
  let index = 0;
  while (figure >= 999.5 && index < units.length - 1) {
    figure /= 1000;
    index += 1;
  }
  // Two decimals only for large units, where the second matters: "1.92 GB" but "6.1 MB".
  const decimals = figure >= 99.95 ? 0 : figure < 9.995 && index >= 2 ? 2 : 1;
  return `${figure.toFixed(decimals)} ${units[index] ?? ""}`;
}

/** "a, b, c and 480 more": a file may have thousands of names. */
export function shortList(names: readonly string[]): string {
  const most = 20;
  const more = names.length > most ? ` and ${names.length - most} more` : "";
  return `${names.slice(0, most).join(", ")}${more}`;
}
