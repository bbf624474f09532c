// Gives the views of a guest to the customer who they are, when they log in.
import type { View, ViewStream } from './ports.js';

/** What is kept of the views, by session; the newest last. */
export interface KeptViews {
  sessions(
    ids: readonly string[],
  ): Promise<ReadonlyMap<string, { views: readonly Pick<View, 'id' | 'product' | 'at'>[] }>>;
}

export interface TakeViewsDeps {
  browsing: KeptViews;
  views: ViewStream;
  sessionOf(customerId: string): string;
}

/** A repeat changes nothing: the views keep their ids. Views that are not processed yet stay the guest's. Throws `Unavailable`. */
export type TakeViews = (guestId: string, customerId: string) => Promise<void>;

export function createTakeViews({ browsing, views, sessionOf }: TakeViewsDeps): TakeViews {
  return async (guestId, customerId) => {
    const [from, session] = [sessionOf(guestId), sessionOf(customerId)];
    const taken = (await browsing.sessions([from])).get(from)?.views ?? [];
    for (const { id, product, at } of taken) await views.record({ id, session, product, at });
    if (taken.length > 0) await views.forget(from);
  };
}
