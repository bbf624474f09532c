// The claim on an e-mail address: it belongs to one account until its customer is forgotten. The stream is named by the keyed hash
// of the address, so the log does not tell the address.
import type { Decider } from '../kernel/decider.js';
import type { Rejection } from '../kernel/rejection.js';
import { type StreamId, streamId } from '../kernel/stream.js';
import { type EmailClaimEvent, emailClaimEvents } from './events.js';

export type EmailClaimCommand = { emailKey: string; customerId: string } & (
  | { type: 'ClaimEmail' }
  | { type: 'ReleaseEmail' }
);

export interface EmailClaim {
  /** Absent while nobody has the address. */
  owner?: string;
}

export const emailClaim: Decider<EmailClaimCommand, EmailClaim, EmailClaimEvent> = {
  category: 'email',
  events: emailClaimEvents,
  initialState: {},
  decide,
  evolve: (_, { type, data: { customerId } }) => (type === 'EmailClaimed' ? { owner: customerId } : {}),
};

export function emailClaimStream(emailKey: string): StreamId {
  return streamId('email', emailKey);
}

/** A claim on an address that somebody has changes nothing: the state tells who has it. */
function decide(
  { type, emailKey, customerId }: EmailClaimCommand,
  { owner }: EmailClaim,
): readonly EmailClaimEvent[] | Rejection {
  const data = { emailKey, customerId };
  if (type === 'ClaimEmail') return owner === undefined ? [{ type: 'EmailClaimed', data }] : [];
  return owner === customerId ? [{ type: 'EmailReleased', data }] : [];
}
