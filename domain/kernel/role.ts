// Roles: what a caller may do. A token has one role.
/** The roles of staff. */
export const STAFF_ROLES = ['support', 'catalogue', 'ops', 'auditor'] as const;
export type StaffRole = (typeof STAFF_ROLES)[number];

export const ROLES = ['customer', ...STAFF_ROLES] as const;
export type Role = (typeof ROLES)[number];
