/** What the errors of this package may know beside their message. */
export interface SkillRelayErrorOptions {
  cause?: unknown;
}

/** Every error that a call can end with, but for an aborted one: that ends with its signal's reason. */
export class SkillRelayError extends Error {
  static {
    this.prototype.name = 'SkillRelayError';
  }

  /** The key under which a write was sent. Whether it took effect or not: repeated under this key, it does so once; but for a flush. */
  declare idempotencyKey?: string;

  constructor(message: string, options: SkillRelayErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
  }
}

/** No answer: the connection failed or broke. A write may have taken effect. */
export class TransportError extends SkillRelayError {
  static {
    this.prototype.name = 'TransportError';
  }
}

/** No answer in time. */
export class RequestTimeoutError extends TransportError {
  static {
    this.prototype.name = 'RequestTimeoutError';
  }
}

/** `waitForLearning` has waited for long enough. */
export class TimeoutError extends SkillRelayError {
  static {
    this.prototype.name = 'TimeoutError';
  }
}

/** A success that is not what the API promises; a proxy's page, for example. A write may have taken effect. */
export class UnexpectedAnswerError extends SkillRelayError {
  static {
    this.prototype.name = 'UnexpectedAnswerError';
  }
}

/** What is known of an answer that says no. */
export interface APIErrorOptions extends SkillRelayErrorOptions {
  statusCode: number;
  code?: number | undefined;
  message?: string | undefined;
  error?: string | undefined;
  payload?: unknown;
  requestId?: string | undefined;
  retryAfter?: number | undefined;
}

/** The service says no. */
export class APIError extends SkillRelayError {
  static {
    this.prototype.name = 'APIError';
  }

  /** The HTTP status. */
  readonly statusCode: number;
  /** The application's code: nearly always the same. */
  readonly code: number | undefined;
  /** More about the cause, where the service tells. */
  readonly error: string | undefined;
  /** The whole answer, if it was JSON. */
  readonly payload: unknown;
  /** By which the service's log knows the request. */
  readonly requestId: string | undefined;
  /** After how many seconds the service asks to be asked again. */
  readonly retryAfter: number | undefined;

  constructor(options: APIErrorOptions) {
    super(options.message || options.error || `the service answered ${options.statusCode}`, options);
    this.statusCode = options.statusCode;
    this.code = options.code;
    this.error = options.error;
    this.payload = options.payload;
    this.requestId = options.requestId;
    this.retryAfter = options.retryAfter;
  }
}

/** 400, and every 4xx without a class of its own: the request makes no sense to the service. Nothing was changed. */
export class InvalidRequestError extends APIError {
  static {
    this.prototype.name = 'InvalidRequestError';
  }
}

/** 401: no token, or not a project's. */
export class AuthenticationError extends APIError {
  static {
    this.prototype.name = 'AuthenticationError';
  }
}

/** 403: another project's. */
export class PermissionDeniedError extends APIError {
  static {
    this.prototype.name = 'PermissionDeniedError';
  }
}

/** 404: there is no such thing. */
export class NotFoundError extends APIError {
  static {
    this.prototype.name = 'NotFoundError';
  }
}

/** 409: it exists already, or the same request is still under way. */
export class ConflictError extends APIError {
  static {
    this.prototype.name = 'ConflictError';
  }
}

/** 429: too many requests. */
export class RateLimitError extends APIError {
  static {
    this.prototype.name = 'RateLimitError';
  }
}

/** 5xx: a fault of the service. */
export class ServerError extends APIError {
  static {
    this.prototype.name = 'ServerError';
  }
}

/** 503: not now. The message says whether the outcome is unknown. */
export class ServiceUnavailableError extends ServerError {
  static {
    this.prototype.name = 'ServiceUnavailableError';
  }
}

const classes: Readonly<Record<number, typeof APIError>> = {
  401: AuthenticationError,
  403: PermissionDeniedError,
  404: NotFoundError,
  409: ConflictError,
  429: RateLimitError,
  503: ServiceUnavailableError,
};

/** The error of the class that its status has. */
export function apiError(options: APIErrorOptions): APIError {
  // Acontext may say no with HTTP 200; then only the code tells what is meant.
  const status = options.statusCode >= 400 ? options.statusCode : options.code ?? options.statusCode;
  return new (classes[status] ?? classOfOthers(status))(options);
}

function classOfOthers(status: number): typeof APIError {
  if (status >= 500) return ServerError;
  return status >= 400 ? InvalidRequestError : APIError;
}
