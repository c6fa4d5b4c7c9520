import { anything, array, boolean, type Decoder, nullable, number, object, optional, record, recordOf, string } from '../decode.js';

export type MessageFormat = 'acontext' | 'openai' | 'anthropic' | 'gemini';

/** A file as it is stored. */
export interface Asset {
  bucket: string;
  s3_key: string;
  etag: string;
  sha256: string;
  mime: string;
  size_b: number;
}

const asset: Decoder<Asset> = object<Asset>({
  bucket: string,
  s3_key: string,
  etag: string,
  sha256: string,
  mime: string,
  size_b: number,
});

/** `type` is one of text, image, audio, video, file, tool-call, tool-result, data, thinking. */
export interface Part {
  type: string;
  text?: string | null;
  asset?: Asset | null;
  filename?: string | null;
  meta?: Record<string, unknown> | null;
}

const part: Decoder<Part> = object<Part>({
  type: string,
  text: optional(nullable(string)),
  asset: optional(nullable(asset)),
  filename: optional(nullable(string)),
  meta: optional(nullable(record)),
});

/** A message as it was stored. */
export interface Message {
  id: string;
  session_id: string;
  parent_id: string | null;
  role: string;
  meta: Record<string, unknown>;
  parts: Part[];
  task_id: string | null;
  session_task_process_status: string;
  created_at: string;
  updated_at: string;
}

export const message: Decoder<Message> = object<Message>({
  id: string,
  session_id: string,
  parent_id: nullable(string),
  role: string,
  meta: record,
  parts: array(part),
  task_id: nullable(string),
  session_task_process_status: string,
  created_at: string,
  updated_at: string,
});

export interface PublicURL {
  url: string;
  expire_at: string;
}

const publicURL: Decoder<PublicURL> = object<PublicURL>({ url: string, expire_at: string });

/** Messages in the format that was asked for, the oldest first; `items`, `ids` and `metas` run in parallel. */
export interface GetMessagesOutput {
  items: unknown[];
  ids: string[];
  metas: Record<string, unknown>[];
  next_cursor?: string | null;
  has_more: boolean;
  this_time_tokens: number;
  public_urls?: Record<string, PublicURL> | null;
  /** Where edit strategies ended: ask for the same again to keep a prompt cache warm. */
  edit_at_message_id?: string | null;
}

export const messagePage: Decoder<GetMessagesOutput> = object<GetMessagesOutput>({
  items: array(anything),
  ids: array(string),
  metas: (value, path) => array(record)(value ?? [], path),
  next_cursor: optional(nullable(string)),
  has_more: boolean,
  this_time_tokens: number,
  public_urls: optional(nullable(recordOf(publicURL))),
  edit_at_message_id: optional(nullable(string)),
});

/** One message of `iterMessages`. */
export interface ListedMessage {
  id: string;
  meta: Record<string, unknown>;
  /** In the format that was asked for. */
  message: unknown;
  /** Those of its page. */
  publicUrls: Record<string, PublicURL>;
}

export const patchedMeta = object<{ meta: Record<string, unknown> }>({ meta: record });

export interface RemoveToolResultStrategy {
  type: 'remove_tool_result';
  params: { keep_recent_n_tool_results?: number; tool_result_placeholder?: string; keep_tools?: string[]; gt_token?: number };
}

export interface RemoveToolCallParamsStrategy {
  type: 'remove_tool_call_params';
  params: { keep_recent_n_tool_calls?: number; keep_tools?: string[]; gt_token?: number };
}

export interface TokenLimitStrategy {
  type: 'token_limit';
  params: { limit_tokens: number };
}

export interface MiddleOutStrategy {
  type: 'middle_out';
  params: { token_reduce_to: number };
}

/** How messages are made fewer or shorter before they are converted. */
export type EditStrategy = RemoveToolResultStrategy | RemoveToolCallParamsStrategy | TokenLimitStrategy | MiddleOutStrategy;
