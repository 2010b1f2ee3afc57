/** Numbers as people read them: counts with separators, sizes in binary units, durations. The one place for all of it. */

const COUNT = new Intl.NumberFormat("en-US", { maximumFractionDigits: 0 });
const UNITS = ["bytes", "KiB", "MiB", "GiB", "TiB"];

/** A whole number with separators: 2,695,939. */
export function formatCount(value: number): string {
  return COUNT.format(value);
}

/** A count and its noun: "1 row", "2,000 rows". */
export function formatUnits(value: number, singular: string, plural: string = `${singular}s`): string {
  return `${formatCount(value)} ${value === 1 ? singular : plural}`;
}

/** Bytes in binary units, three digits at most: 0 bytes, 1.5 KiB, 12 MiB, 1.2 GiB. */
export function formatBytes(bytes: number): string {
  let unit = 0;
  let value = Math.abs(bytes);
  // 1023.5 KiB would be shown as 1,024 KiB.
  while (unit < UNITS.length - 1 && value >= (unit === 0 ? 1024 : 1023.5)) [value, unit] = [value / 1024, unit + 1];
  const shown = unit > 0 && value < 9.95 ? value.toFixed(1) : formatCount(Math.round(value));
  return `${bytes < 0 ? "-" : ""}${shown} ${value === 1 && unit === 0 ? "byte" : UNITS[unit]}`;
}

/** A duration: 0.42 s, 12.3 s, 1 min 20 s, 2 h 5 min, 3 d 4 h. */
export function formatDuration(ms: number): string {
  const seconds = ms / 1000;
  if (seconds < 9.995) return `${seconds.toFixed(2)} s`;
  if (seconds < 59.95) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  for (
    const [size, name, part, partName] of [[86_400, "d", 3600, "h"], [3600, "h", 60, "min"], [
      60,
      "min",
      1,
      "s",
    ]] as const
  ) {
    if (whole < size) continue;
    const rest = Math.floor(whole % size / part);
    return `${formatCount(Math.floor(whole / size))} ${name}${rest === 0 ? "" : ` ${rest} ${partName}`}`;
  }
  return `${whole} s`;
}

/** A share as a percentage, with `digits` after the point: 4.06 %. */
export function formatPercent(share: number, digits = 1): string {
  return `${(share * 100).toFixed(digits)} %`;
}
