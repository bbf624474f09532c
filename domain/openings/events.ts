// Who opened whose personal data. One stream holds what one person opened on one day.
import { z } from 'zod';
import type { EventDefinitions, EventOf } from '../kernel/event.js';
import { shortText } from '../kernel/text.js';

/** Most subjects in one event, so that a commit stays small. */
export const MAX_SUBJECTS = 200;

export const openingEvents = {
  /**
   * The actor of the event opened personal data of these subjects. The event has neither the data nor what kind it was. Its
   * correlation id is the id of the request.
   */
  PersonalDataOpened: {
    version: 1,
    data: z.strictObject({
      /** What the data was opened for, such as the endpoint. */
      purpose: shortText(200),
      subjects: z.array(z.string().min(1).max(100)).min(1).max(MAX_SUBJECTS),
    }),
  },
} satisfies EventDefinitions;

export type OpeningEvent = EventOf<typeof openingEvents>;
