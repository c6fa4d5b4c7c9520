import { apiError, UnexpectedAnswerError } from './errors.js';

/** An answer as it came. */
export interface Answer {
  readonly status: number;
  readonly reason: string;
  readonly headers: Headers;
  readonly text: string;
}

/** What a success says: `{"code": 0, "data": …, "msg": "…"}`, and in a header, which event it made. */
export interface Envelope {
  readonly data: unknown;
  readonly message: string;
  readonly eventId: string | undefined;
}

/**
 * @throws {APIError} when the answer says no, with HTTP's status or with the body's code.
 * @throws {UnexpectedAnswerError} when it is a success, but not the API's.
 */
export function unwrap(answer: Answer): Envelope {
  const payload = parse(answer);
  const members: Record<string, unknown> = typeof payload === 'object' && payload !== null ? { ...payload } : {};
  const code = typeof members['code'] === 'number' ? members['code'] : undefined;
  const message = typeof members['msg'] === 'string' ? members['msg'] : undefined;
  if (answer.status >= 400 || (code !== undefined && code >= 400)) {
    throw apiError({
      statusCode: answer.status,
      code,
      message: message || answer.reason,
      error: typeof members['error'] === 'string' ? members['error'] : undefined,
      payload,
      requestId: answer.headers.get('x-request-id') ?? undefined,
      retryAfter: retryAfter(answer.headers),
    });
  }
  if (code === undefined) {
    const type = answer.headers.get('content-type') ?? 'no content type';
    throw new UnexpectedAnswerError(`unexpected answer: HTTP ${answer.status}, ${type}, is not one of the API`);
  }
  return { data: members['data'], message: message ?? '', eventId: answer.headers.get('skillrelay-event-id') ?? undefined };
}

function parse(answer: Answer): unknown {
  if (!answer.headers.get('content-type')?.includes('application/json')) return undefined;
  try {
    return JSON.parse(answer.text);
  } catch {
    return undefined;
  }
}

/** In seconds; the header has them, or a date (RFC 9110 §10.2.3). */
function retryAfter(headers: Headers): number | undefined {
  const text = headers.get('retry-after') ?? '';
  if (/^\d+$/.test(text)) return Number(text);
  const date = httpDate(text);
  if (date === undefined) return undefined;
  // By the sender's clock, if it tells: ours may differ.
  const now = httpDate(headers.get('date') ?? '') ?? Date.now();
  return Math.max(0, (date - now) / 1000);
}

// RFC 9110 §5.6.7: today's form, and two that are obsolete, the last of which does not say that it is in GMT.
const month = '(Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)';
const time = '\\d{2}:\\d{2}:\\d{2}';
const httpDates = new RegExp(
  `^[A-Z][a-z]{2}, \\d{2} ${month} \\d{4} ${time} GMT$` +
    `|^[A-Z][a-z]+day, \\d{2}-${month}-\\d{2} ${time} GMT$` +
    `|^[A-Z][a-z]{2} ${month} [\\d ]\\d ${time} \\d{4}$`,
);

/** In milliseconds. Stricter than `Date.parse`, which takes `1.5` for a day in January. */
function httpDate(text: string): number | undefined {
  if (!httpDates.test(text)) return undefined;
  const date = Date.parse(text.endsWith('GMT') ? text : `${text} GMT`);
  return Number.isNaN(date) ? undefined : date;
}
