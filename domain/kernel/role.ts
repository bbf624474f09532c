// What a caller may do: one role per token.
/** The roles of people who work for the shop. */
export const STAFF_ROLES = ['support', 'catalogue', 'ops', 'auditor'] as const;
export type StaffRole = (typeof STAFF_ROLES)[number];

export const ROLES = ['customer', ...STAFF_ROLES] as const;
export type Role = (typeof ROLES)[number];
