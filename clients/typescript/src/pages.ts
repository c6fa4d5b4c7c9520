import { array, boolean, type Decoder, nullable, object, optional, string } from './decode.js';
import { UnexpectedAnswerError } from './errors.js';
import type { CallOptions, Maybe } from './options.js';

/** Which page, and in which order. */
export interface PageOptions extends CallOptions {
  /** At most so many items. */
  limit?: Maybe<number>;
  /** `next_cursor` of the page before. */
  cursor?: Maybe<string>;
  /** The newest first. */
  timeDesc?: Maybe<boolean>;
}

/** What an iterator over all pages takes: the options of a page, but for which one. */
export type IterOptions<T extends PageOptions> = Omit<T, 'limit' | 'cursor'> & {
  /** Items to ask for at a time: 100 by default. */
  pageSize?: number | undefined;
};

export interface Page<T> {
  items: T[];
  next_cursor?: string | null;
  has_more: boolean;
}

export const page = <T>(item: Decoder<T>): Decoder<Page<T>> =>
  object<Page<T>>({ items: array(item), next_cursor: optional(nullable(string)), has_more: boolean });

/** Page after page, each asked for when it is wanted. */
export async function* pages<P extends { next_cursor?: string | null; has_more: boolean }>(
  fetchPage: (cursor: string | undefined) => Promise<P>,
): AsyncGenerator<P, void, undefined> {
  let cursor: string | undefined;
  for (;;) {
    const page = await fetchPage(cursor);
    yield page;
    if (!page.has_more) return;
    // Never an end that is none.
    if (!page.next_cursor) throw new UnexpectedAnswerError('unexpected answer: a page says that there are more, but not where');
    cursor = page.next_cursor;
  }
}

/** Item after item. */
export async function* items<T>(
  options: { pageSize?: number | undefined },
  fetchPage: (page: { limit: number; cursor: string | undefined }) => Promise<Page<T>>,
): AsyncGenerator<T, void, undefined> {
  const limit = options.pageSize ?? 100;
  for await (const page of pages((cursor) => fetchPage({ limit, cursor }))) yield* page.items;
}
