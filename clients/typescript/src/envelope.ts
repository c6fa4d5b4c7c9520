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

/** @throws {APIError} when the answer says no, with HTTP's status or with the body's code. */
export function unwrap(answer: Answer, idempotencyKey: string | undefined): Envelope {
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
      idempotencyKey,
    });
  }
  if (code === undefined) {
    const type = answer.headers.get('content-type') ?? 'no content type';
    throw new UnexpectedAnswerError(`unexpected answer: HTTP ${answer.status}, ${type}, is not one of the API`, {
      idempotencyKey,
    });
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
  const text = headers.get('retry-after')?.trim();
  if (!text) return undefined;
  if (/^\d+$/.test(text)) return Number(text);
  const date = Date.parse(text);
  return Number.isNaN(date) ? undefined : Math.max(0, (date - Date.now()) / 1000);
}
