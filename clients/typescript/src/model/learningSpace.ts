import { array, type Decoder, nullable, object, optional, record, string } from '../decode.js';
import { type Page, page } from '../pages.js';

export interface LearningSpace {
  id: string;
  user_id?: string | null;
  meta?: Record<string, unknown> | null;
  created_at: string;
  updated_at: string;
}

export const learningSpace: Decoder<LearningSpace> = object<LearningSpace>({
  id: string,
  user_id: optional(nullable(string)),
  meta: optional(nullable(record)),
  created_at: string,
  updated_at: string,
});

export type ListLearningSpacesOutput = Page<LearningSpace>;

export const learningSpacePage: Decoder<ListLearningSpacesOutput> = page(learningSpace);

/** How far learning has come; a newer worker may have other words. */
export type LearningStatus =
  | 'pending'
  | 'running'
  | 'distilling'
  | 'queued'
  | 'skill_writing'
  | 'completed'
  | 'failed'
  // Keeps the words above in an editor's list.
  | (string & Record<never, never>);

/** After these, nothing more is to be waited for. */
export const TERMINAL_STATUSES: ReadonlySet<string> = new Set(['completed', 'failed']);

export interface LearningSpaceSession {
  id: string;
  learning_space_id: string;
  session_id: string;
  status: LearningStatus;
  created_at: string;
  updated_at: string;
}

export const learningSpaceSession: Decoder<LearningSpaceSession> = object<LearningSpaceSession>({
  id: string,
  learning_space_id: string,
  session_id: string,
  status: string,
  created_at: string,
  updated_at: string,
});

export interface LearningSpaceSkill {
  id: string;
  learning_space_id: string;
  skill_id: string;
  created_at: string;
}

export const learningSpaceSkill: Decoder<LearningSpaceSkill> = object<LearningSpaceSkill>({
  id: string,
  learning_space_id: string,
  skill_id: string,
  created_at: string,
});

export interface FileInfo {
  path: string;
  mime: string;
}

export interface Skill {
  id: string;
  user_id?: string | null;
  name: string;
  description: string;
  file_index: FileInfo[];
  meta: Record<string, unknown> | null;
  created_at: string;
  updated_at: string;
}

export const skill: Decoder<Skill> = object<Skill>({
  id: string,
  user_id: optional(nullable(string)),
  name: string,
  description: string,
  file_index: array(object<FileInfo>({ path: string, mime: string })),
  meta: nullable(record),
  created_at: string,
  updated_at: string,
});
