import type { Maybe } from './options.js';

/** A file that goes with a message. */
export class FileUpload {
  readonly filename: string;
  readonly content: Blob | ArrayBuffer | Uint8Array | string;
  readonly contentType: string;

  constructor(options: {
    filename: string;
    content: Blob | ArrayBuffer | Uint8Array | string;
    contentType?: Maybe<string>;
  }) {
    this.filename = options.filename;
    this.content = options.content;
    const type = options.content instanceof Blob ? options.content.type : '';
    this.contentType = options.contentType || type || 'application/octet-stream';
  }
}

/** A part of a message in the format `acontext`. */
export interface MessagePartInput {
  type: string;
  text?: Maybe<string>;
  meta?: Maybe<Record<string, unknown>>;
  file_field?: Maybe<string>;
}

/** Makes parts. */
export class MessagePart implements MessagePartInput {
  readonly type: string;
  readonly text: string | null;
  readonly meta: Record<string, unknown> | null;
  readonly file_field: string | null;

  constructor(part: MessagePartInput) {
    this.type = part.type;
    this.text = part.text ?? null;
    this.meta = part.meta ?? null;
    this.file_field = part.file_field ?? null;
  }

  static textPart(text: string, options: { meta?: Maybe<Record<string, unknown>> } = {}): MessagePart {
    return new MessagePart({ type: 'text', text, meta: options.meta });
  }

  /** The file that is uploaded under this name. */
  static fileFieldPart(fileField: string, options: { meta?: Maybe<Record<string, unknown>> } = {}): MessagePart {
    return new MessagePart({ type: 'file', file_field: fileField, meta: options.meta });
  }
}

/** A message in the format `acontext`. */
export interface AcontextMessageInput {
  role: 'user' | 'assistant' | 'system';
  parts: MessagePartInput[];
  meta?: Maybe<Record<string, unknown>>;
}

export class AcontextMessage implements AcontextMessageInput {
  readonly role: AcontextMessageInput['role'];
  readonly parts: MessagePart[];
  readonly meta: Record<string, unknown> | null;

  constructor(message: AcontextMessageInput) {
    this.role = message.role;
    this.parts = message.parts.map((part) => new MessagePart(part));
    this.meta = message.meta ?? null;
  }
}

/** A text among the parts becomes a text part. */
export function buildAcontextMessage(message: {
  role: AcontextMessageInput['role'];
  parts: (MessagePartInput | string)[];
  meta?: Maybe<Record<string, unknown>>;
}): AcontextMessage {
  const parts = message.parts.map((part) => (typeof part === 'string' ? MessagePart.textPart(part) : part));
  return new AcontextMessage({ role: message.role, parts, meta: message.meta });
}
