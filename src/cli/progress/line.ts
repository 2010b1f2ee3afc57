/**
 * A phase as one line of text that fits a width: the bar, the percentage, what is counted, its rate, the time left. Where there is
 * little room, the least important goes first. ASCII only but for names, so it looks the same everywhere.
 */
import sliceAnsi from "slice-ansi";
import stringWidth from "string-width";
import { formatCount, formatDuration, formatUnits, printable } from "../../mod.ts";
import type { Meter } from "./meter.ts";
import type { Phase } from "./phase.ts";

const BAR_WIDTH = 20;

/** A phase with what was measured of it. */
export interface Measured {
  readonly phase: Phase;
  readonly meter: Meter;
  /** When it began, in milliseconds. */
  readonly startedAt: number;
}

/** A line of at most `width` columns. */
export function formatLine(measured: Measured, now: number, width: number): string {
  const { name, share } = measured.phase;
  const time = describeTime(measured, now);
  const details = describeDetails(measured);
  const percent = share === undefined ? [] : [formatShare(share)];
  const bar = share === undefined ? [] : [formatBar(share)];
  const candidates = [
    ...Array.from({ length: details.length + 1 }, (_, i) => {
      return [name, ...bar, ...percent, ...details.slice(0, details.length - i), time];
    }),
    [name, ...percent, time],
    [name, ...percent],
  ];
  const lines = candidates.map((parts) => printable(parts.join("  ")));
  return lines.find((line) => stringWidth(line) <= width) ?? cut(lines.at(-1)!, width);
}

/** The same without a bar, for a log: one line, however long. */
export function formatPlain(measured: Measured, now: number): string {
  const { name, share } = measured.phase;
  const parts = [
    ...share === undefined ? [] : [formatShare(share).trim()],
    ...describeDetails(measured),
    describeTime(measured, now),
  ];
  return printable(`${name}: ${parts.join(", ")}`);
}

/** Cuts a text to a width. */
export function cut(text: string, width: number): string {
  if (stringWidth(text) <= width) return text;
  // Of a few rare characters one library thinks that they are wider than the other does.
  for (let end = width; end > 0; end--) {
    const part = sliceAnsi(text, 0, end);
    if (stringWidth(part) <= width) return part;
  }
  return "";
}

/** How many rows of a terminal a text takes. */
export function countRows(text: string, width: number): number {
  return Math.max(1, Math.ceil(stringWidth(text) / Math.max(1, width)));
}

function formatBar(share: number): string {
  const full = Math.floor(clamp(share) * BAR_WIDTH);
  return `[${"=".repeat(full)}${" ".repeat(BAR_WIDTH - full)}]`;
}

/** In whole percent, rounded down, so that 100% means done. */
function formatShare(share: number): string {
  return `${String(Math.floor(clamp(share) * 100)).padStart(3)}%`;
}

function clamp(share: number): number {
  return Math.max(0, Math.min(1, share));
}

function describeDetails({ phase, meter }: Measured): string[] {
  const { unit, done, total, details = [] } = phase;
  if (unit === undefined || done === undefined) return [...details];
  const count = total === undefined ? formatUnits(done, unit) : `${formatCount(done)} of ${formatUnits(total, unit)}`;
  const perSecond = meter.perSecond();
  return [...details, count, ...perSecond === undefined ? [] : [`${formatUnits(Math.round(perSecond), unit)}/s`]];
}

/** The time left, or, where that cannot be told, the time that it has taken. In whole seconds. */
function describeTime({ meter, startedAt }: Measured, now: number): string {
  const left = meter.leftMs(now);
  const whole = (ms: number) => formatDuration(Math.round(ms / 1000) * 1000);
  return left === undefined ? whole(now - startedAt) : `${whole(left)} left`;
}
