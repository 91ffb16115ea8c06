/**
 * The add-in's log: warnings always, the rest only in debug mode.
 *
 * Callers give operation names, codes and counts: never tokens, subjects, addresses, names or links.
 */

export interface Log {
  debug(event: string, facts?: Readonly<Record<string, string | number | boolean>>): void;
  warn(event: string, facts?: Readonly<Record<string, string | number | boolean>>): void;
}

/* eslint-disable no-console -- the one place that writes to the console */
export function createLog(debugMode: boolean): Log {
  return {
    debug: (event, facts = {}) => {
      if (debugMode) console.debug(`[outlook-addin] ${event}`, facts);
    },
    warn: (event, facts = {}) => {
      console.warn(`[outlook-addin] ${event}`, facts);
    },
  };
}
