/**
 * Progress and log lines for programs: with --progress json every line on standard error is one JSON object. `event` says which
 * kind it is: progress, or log. The types here are the form; .github/schemas/ has it as a JSON Schema.
 */

import { formatJson } from "../../mod.ts";
import { Meter } from "./meter.ts";
import type { Phase } from "./phase.ts";

/** How much a log line matters, the most first. */
export const LOG_LEVELS = ["error", "warning", "info"] as const;

/** One of {@linkcode LOG_LEVELS}. */
export type LogLevel = typeof LOG_LEVELS[number];

/** How far the work is. */
export interface ProgressLine {
  /** The kind of line. */
  readonly event: "progress";
  /** When, in ISO 8601 and UTC. */
  readonly time: string;
  /** Whether it is about the whole job, or the phase that it is in. */
  readonly scope: "whole" | "phase";
  /** What is being done, such as "reading rows"; lines with the same name belong to one phase. */
  readonly name: string;
  /** What is done of it, 0 to 1; null where that cannot be told. */
  readonly share: number | null;
  /** What is counted, in the singular, such as "row". */
  readonly unit: string | null;
  /** How many of them are done. */
  readonly done: number | null;
  /** Of how many, where that is known. */
  readonly total: number | null;
  /** How many are done a second, by the last ten seconds. */
  readonly perSecond: number | null;
  /** How long the rest will take, in seconds; null where it is too early to tell. */
  readonly secondsLeft: number | null;
  /** More about it, for people. */
  readonly details: readonly string[];
}

/** A line about the work, or what went wrong. */
export interface LogLine {
  /** The kind of line. */
  readonly event: "log";
  /** When, in ISO 8601 and UTC. */
  readonly time: string;
  /** How much it matters. */
  readonly level: LogLevel;
  /** The line itself. */
  readonly message: string;
  /** With an error: the way out. */
  readonly hint?: string | undefined;
}

/** What both need of the world. */
interface Output {
  write(text: string): void;
  /** The time in milliseconds, by a clock that never goes back. */
  now(): number;
}

/** Of one phase, lines come no closer. */
const SPACING_MS = 100;

/** A log line as it is written. */
export function formatLogLine(level: LogLevel, message: string, hint?: string | null): string {
  const line: LogLine = { event: "log", time: new Date().toISOString(), level, message, hint: hint ?? undefined };
  return `${formatJson(line)}\n`;
}

/** Whether lines of a level are written where those down to `least` are. */
export function isWanted(level: LogLevel, least: LogLevel = "info"): boolean {
  return LOG_LEVELS.indexOf(level) <= LOG_LEVELS.indexOf(least);
}

/** Stands where a display does, and writes lines instead of drawing. */
export class NdjsonProgress {
  readonly #output: Output;
  readonly #shown = new Map<string, { name: string; meter: Meter; writtenAt: number }>();

  constructor(output: Output) {
    this.#output = output;
  }

  /** Writes where a phase is, if it is another one, done, or has not been written for a tenth of a second. */
  show(scope: "whole" | "phase", phase: Phase): void {
    const { name, share, unit, done, total, details = [] } = phase;
    const now = this.#output.now();
    let shown = this.#shown.get(scope);
    const isNew = shown?.name !== name;
    if (shown === undefined || isNew) this.#shown.set(scope, shown = { name, meter: new Meter(), writtenAt: now });
    shown.meter.note(now, share, done);
    if (!isNew && share !== 1 && now - shown.writtenAt < SPACING_MS) return;
    shown.writtenAt = now;
    const leftMs = shown.meter.leftMs(now);
    const line: ProgressLine = {
      event: "progress",
      time: new Date().toISOString(),
      scope,
      name,
      share: share ?? null,
      unit: unit ?? null,
      done: done ?? null,
      total: total ?? null,
      perSecond: (unit === undefined ? undefined : shown.meter.perSecond()) ?? null,
      secondsLeft: leftMs === undefined ? null : leftMs / 1000,
      details,
    };
    this.#output.write(`${formatJson(line)}\n`);
  }

  /** Nothing is drawn, so nothing is erased. */
  clear(): void {}

  /** The next phase begins anew. */
  end(): void {
    this.#shown.clear();
  }

  /** Nothing is drawn, so nothing is hidden. */
  hiddenDuring<T>(work: () => Promise<T>): Promise<T> {
    return work();
  }
}
