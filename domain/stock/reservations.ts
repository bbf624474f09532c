// The open reservations of one stock item (neither ended nor committed), as a JSON value. They are kept in buckets, so that a
// change copies few of them: a hot item is in thousands of checkouts at once.
import { ownEntry } from '../kernel/json.js';

/** Buckets by a hash of the id. √n buckets are best for n reservations, and 256 are quick to copy. */
const BUCKETS = 256;

export interface Reservation {
  quantity: number;
  expiresAt?: number;
  /** Its checkout waits for the customer or the provider, not just for the next step. */
  parked?: true;
}

export type Reservations = Readonly<Record<string, Bucket>>;
type Bucket = Readonly<Record<string, Reservation>>;

export function reservationOf(reservations: Reservations, id: string): Reservation | undefined {
  const bucket = reservations[bucketOf(id)];
  return bucket && ownEntry(bucket, id);
}

export function withReservation(reservations: Reservations, id: string, reservation: Reservation): Reservations {
  const name = bucketOf(id);
  return { ...reservations, [name]: { ...reservations[name], [id]: reservation } };
}

export function withoutReservation(reservations: Reservations, id: string): Reservations {
  const name = bucketOf(id);
  const { [id]: _, ...bucket } = reservations[name] ?? {};
  if (Object.keys(bucket).length > 0) return { ...reservations, [name]: bucket };
  const { [name]: emptied, ...others } = reservations;
  return others;
}

function bucketOf(id: string): number {
  let hash = 0;
  for (let at = 0; at < id.length; at++) hash = (Math.imul(hash, 31) + id.charCodeAt(at)) | 0;
  return Math.abs(hash % BUCKETS);
}
