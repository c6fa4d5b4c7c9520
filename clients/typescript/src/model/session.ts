import { boolean, type Decoder, nullable, number, object, optional, record, string } from '../decode.js';
import { type Page, page } from '../pages.js';

export interface Session {
  id: string;
  project_id: string;
  user_id?: string | null;
  disable_task_tracking: boolean;
  disable_task_status_change: boolean;
  configs: Record<string, unknown> | null;
  created_at: string;
  updated_at: string;
}

export const session: Decoder<Session> = object<Session>({
  id: string,
  project_id: string,
  user_id: optional(nullable(string)),
  disable_task_tracking: boolean,
  disable_task_status_change: boolean,
  configs: nullable(record),
  created_at: string,
  updated_at: string,
});

export type ListSessionsOutput = Page<Session>;

export const sessionPage: Decoder<ListSessionsOutput> = page(session);

export const patchedConfigs = object<{ configs: Record<string, unknown> }>({ configs: record });

/** What a flush has come to: `status` is 200 if it worked, also when HTTP's status says so already. */
export interface FlushResult {
  status: number;
  errmsg: string;
}

export const flushResult: Decoder<FlushResult> = object<FlushResult>({ status: number, errmsg: string });

export interface TokenCounts {
  total_tokens: number;
}

export const tokenCounts: Decoder<TokenCounts> = object<TokenCounts>({ total_tokens: number });

/** How many of a session's messages were looked at for tasks. */
export interface MessageObservingStatus {
  observed: number;
  in_process: number;
  pending: number;
  updated_at: string;
}

export const messageObservingStatus: Decoder<MessageObservingStatus> = object<MessageObservingStatus>({
  observed: number,
  in_process: number,
  pending: number,
  updated_at: string,
});
