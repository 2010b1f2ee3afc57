/**
 * Numbers for people: counts with separators, sizes in binary units, durations, shares. The one place for all of it. Ids, and
 * what programs read (JSON, the Rust tool's own lines, SQL), keep plain digits.
 */

/** English, whatever the system's language, as all our words are. */
const LANGUAGE = "en-US";
const COUNT = new Intl.NumberFormat(LANGUAGE, { maximumFractionDigits: 0 });
const MEAN = new Intl.NumberFormat(LANGUAGE, { maximumFractionDigits: 1, minimumFractionDigits: 1 });
const COMPACT = new Intl.NumberFormat(LANGUAGE, { notation: "compact", maximumSignificantDigits: 3 });
const SIZE_UNITS = ["bytes", "KiB", "MiB", "GiB", "TiB"];
const TIME_UNITS = [["d", 86_400, "h", 3600], ["h", 3600, "min", 60], ["min", 60, "s", 1]] as const;

/** A whole number with separators: 2,695,939. */
export function formatCount(value: number): string {
  return COUNT.format(value);
}

/** A count and its noun: "1 row", "2,000 rows". */
export function formatUnits(value: number, singular: string, plural: string = `${singular}s`): string {
  return `${formatCount(value)} ${value === 1 ? singular : plural}`;
}

/** A number with one digit after the point: 49.4, 1,234.0. */
export function formatMean(value: number): string {
  return MEAN.format(value);
}

/** A count in three digits, for where there is little room: 2.75M. */
export function formatCompact(value: number): string {
  return COMPACT.format(value);
}

/** Bytes in binary units, three digits at most: 0 bytes, 1.5 KiB, 12 MiB, 1.2 GiB. */
export function formatBytes(bytes: number): string {
  let unit = 0;
  let value = Math.abs(bytes);
  // 1023.5 KiB would be shown as 1,024 KiB.
  while (unit < SIZE_UNITS.length - 1 && value >= (unit === 0 ? 1024 : 1023.5)) {
    [value, unit] = [value / 1024, unit + 1];
  }
  const shown = unit > 0 && value < 9.95 ? value.toFixed(1) : formatCount(Math.round(value));
  return `${bytes < 0 ? "-" : ""}${shown} ${value === 1 && unit === 0 ? "byte" : SIZE_UNITS[unit]}`;
}

/** A duration in milliseconds: 5 s, 0.42 s, 12.3 s, 1 min 20 s, 2 h 5 min, 3 d 4 h. */
export function formatDuration(ms: number): string {
  const seconds = ms / 1000;
  const whole = Math.round(seconds);
  if (seconds < 59.95) return `${seconds === whole ? whole : seconds.toFixed(seconds < 9.995 ? 2 : 1)} s`;
  const [name, size, partName, partSize] = TIME_UNITS.find(([, size]) => whole >= size)!;
  const rest = Math.floor(whole % size / partSize);
  return `${formatCount(Math.floor(whole / size))} ${name}${rest === 0 ? "" : ` ${rest} ${partName}`}`;
}

/** The share of `part` in `whole` as a percentage: 12%, 4.2%, 0.03%; never 0% or 100% of what is not so. */
export function formatPercent(part: number, whole = 1): string {
  const percent = whole === 0 ? 0 : part / whole * 100;
  if (percent === 0 || percent === 100) return `${percent}%`;
  if (percent < 0.01) return "under 0.01%";
  if (percent >= 99.95 && percent < 100) return "over 99.9%";
  return `${percent.toFixed(percent < 0.095 ? 2 : percent < 9.95 || percent > 90 ? 1 : 0)}%`;
}

/** A figure with half the width of its interval as a percentage, rounded to what that leaves of it: 1,230,000 ±2.1%. */
export function formatFigure(value: number, error: number, format: (value: number) => string = formatCount): string {
  if (error === 0) return format(value);
  if (!(error < value)) return `under ${format(roundTo(value + error, 1))}`;
  return `${format(roundTo(value, error > value / 10 ? 2 : 3))} ±${formatPercent(Math.max(0.01, error / value))}`;
}

function roundTo(value: number, digits: number): number {
  return Number(value.toPrecision(digits));
}

/** A short time, given in microseconds: 850 µs, 1.2 ms, 34 ms. */
export function formatMicroseconds(us: number): string {
  if (us < 999.5) return `${Math.round(us)} µs`;
  const ms = us / 1000;
  return ms < 9.95 ? `${ms.toFixed(1)} ms` : ms < 9_995 ? `${formatCount(ms)} ms` : formatDuration(ms);
}
