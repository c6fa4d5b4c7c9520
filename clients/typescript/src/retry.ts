import { APIError, TransportError } from './errors.js';

/** Statuses that may be another one the next time: of the service, or of a proxy before it. */
const passing: ReadonlySet<number> = new Set([429, 502, 503, 504]);

const firstBackoff = 500;

/** Whether the same request may succeed later. */
export function isPassing(error: unknown): boolean {
  if (error instanceof TransportError) return true;
  if (!(error instanceof APIError)) return false;
  // A conflict to come back to: the first attempt under this key is still under way.
  return passing.has(error.statusCode) || (error.statusCode === 409 && error.retryAfter !== undefined);
}

/** How many milliseconds the service asks to be left alone. */
export function askedDelay(error: unknown): number {
  return error instanceof APIError ? (error.retryAfter ?? 0) * 1000 : 0;
}

/**
 * How many milliseconds to wait after `error` before the retry with this number, counted from 0; undefined if there should be none.
 *
 * Exponential backoff with full jitter, on top of what the service asks for: those whom it told the same second do not all come in it.
 */
export function retryDelay(
  error: unknown,
  retry: number,
  longest: number,
  random: () => number = Math.random,
): number | undefined {
  if (!isPassing(error)) return undefined;
  const asked = askedDelay(error);
  // Whoever is asked for so much patience decides about it himself.
  if (asked > longest) return undefined;
  // Bounded where it is beyond any patience, before it is beyond any number.
  const backoff = Math.min(longest - asked, firstBackoff * 2 ** Math.min(retry, 16));
  return asked + random() * backoff;
}
