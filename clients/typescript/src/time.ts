/** Of more milliseconds, a timer would go off at once. */
const longestTimer = 2 ** 31 - 1;

/**
 * Runs `operation` with a signal that is raised when `signal` is, or after `milliseconds`.
 *
 * @throws the reason of `signal` if that was raised; what `late` makes if the time was up; else what `operation` throws.
 */
export async function withDeadline<T>(
  milliseconds: number,
  signal: AbortSignal | undefined,
  operation: (signal: AbortSignal) => Promise<T>,
  late: () => Error,
): Promise<T> {
  signal?.throwIfAborted();
  const controller = new AbortController();
  const abort = () => controller.abort();
  let isLate = false;
  const timer = setTimeout(() => {
    isLate = true;
    abort();
  }, Math.min(milliseconds, longestTimer));
  signal?.addEventListener('abort', abort);
  try {
    return await operation(controller.signal);
  } catch (error) {
    signal?.throwIfAborted();
    throw isLate ? late() : error;
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', abort);
  }
}

/** @throws the reason of `signal`, as soon as it is raised. */
export async function sleep(milliseconds: number, signal: AbortSignal | undefined): Promise<void> {
  signal?.throwIfAborted();
  await new Promise<void>((resolve, reject) => {
    const abort = () => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', abort);
      resolve();
    }, Math.min(milliseconds, longestTimer));
    signal?.addEventListener('abort', abort, { once: true });
  });
}
