// The events of the shop's staff. All are in one stream, so that one read tells who works here.
import { z } from 'zod';
import type { EventDefinitions, EventOf } from '../kernel/event.js';
import { idSchema } from '../kernel/id.js';
import { personal } from '../kernel/personal.js';
import { STAFF_ROLES } from '../kernel/role.js';
import { shortText } from '../kernel/text.js';

export const staffIdSchema = idSchema('staff');
export const staffNameSchema = shortText(100);

const member = { staffId: staffIdSchema };
const role = z.enum(STAFF_ROLES);

export const staffEvents = {
  StaffAdded: {
    version: 1,
    data: z.strictObject({ ...member, name: personal(staffNameSchema), role }),
    personal: { subject: ({ staffId }: { staffId: string }) => staffId, fields: ['name'] },
  },
  StaffRoleChanged: { version: 1, data: z.strictObject({ ...member, role }) },
  /** The member's tokens are invalid from now on, and their id is never given to another member. */
  StaffRemoved: { version: 1, data: z.strictObject(member) },
} satisfies EventDefinitions;

export type StaffEvent = EventOf<typeof staffEvents>;
