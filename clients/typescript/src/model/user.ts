import { type Decoder, number, object, string } from '../decode.js';
import { type Page, page } from '../pages.js';

export interface User {
  id: string;
  project_id: string;
  identifier: string;
  created_at: string;
  updated_at: string;
}

export type ListUsersOutput = Page<User>;

export const userPage: Decoder<ListUsersOutput> = page(
  object<User>({ id: string, project_id: string, identifier: string, created_at: string, updated_at: string }),
);

export interface UserResourceCounts {
  sessions_count: number;
  disks_count: number;
  skills_count: number;
}

export interface GetUserResourcesOutput {
  counts: UserResourceCounts;
}

export const userResources: Decoder<GetUserResourcesOutput> = object<GetUserResourcesOutput>({
  counts: object<UserResourceCounts>({ sessions_count: number, disks_count: number, skills_count: number }),
});
