/** An argument that may be left out; null is as good as left out. */
export type Maybe<T> = T | null | undefined;

/** What every call takes. */
export interface CallOptions {
  /** Ends the call, its retries and its pauses. What is thrown then is the signal's reason, which names no key: give a write one. */
  signal?: AbortSignal | undefined;
  /** Milliseconds that each attempt has, instead of the client's. */
  timeout?: number | undefined;
  /** How many attempts may follow the first, instead of the client's. */
  maxRetries?: number | undefined;
}

/** What every call takes that changes something. */
export interface WriteOptions extends CallOptions {
  /**
   * Names this change: the service makes it once, however often it is asked for under this key. Without it, each call draws a key of its
   * own for its own retries. 1 to 255 visible ASCII characters.
   */
  idempotencyKey?: string | undefined;
}

/** The members that are neither undefined nor null. */
export function given(members: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined && value !== null));
}
