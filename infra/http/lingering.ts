// Closes a connection whose client is still sending. The rest of the request is not read, but the client still gets the answer.
// Destroying a connection with unread bytes resets it, and the client may lose the answer.
import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { LINGER_MS, MAX_BODY_BYTES } from './limits.js';

/**
 * Extra headers of an answer that is sent now. If the rest of the request may be longer than any accepted body, the header closes
 * the connection after the answer; otherwise there are none.
 */
export function closingUnread(req: IncomingMessage): { Connection?: 'close' } {
  if (req.complete || !mayBeLong(req)) return {};
  // Node calls this after such an answer and would destroy the connection at once.
  req.socket.destroySoon = () => closeLingering(req.socket);
  return { Connection: 'close' };
}

/** Sends what is written, and closes the connection after a moment. */
export function closeLingering(socket: Socket): void {
  socket.pause();
  socket.end();
  const timer = setTimeout(() => socket.destroy(), LINGER_MS);
  socket.once('close', () => clearTimeout(timer));
}

/** Node reads a shorter body to its end. A body that waits for `100 Continue` may or may not arrive. */
function mayBeLong({ headers }: IncomingMessage): boolean {
  const { 'content-length': length, 'transfer-encoding': encoding, expect } = headers;
  return encoding !== undefined || Number(length ?? 0) > MAX_BODY_BYTES || expect !== undefined;
}
