// Ends connections whose client is still sending: what it sends is not read any more, but the answer reaches it. A
// connection that is destroyed with unread bytes is reset, by which a client may lose the answer.
import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { LINGER_MS, MAX_BODY_BYTES } from './limits.js';

/**
 * For an answer that goes out now: nothing, or the header that ends the connection with it, because the rest of the request
 * may be longer than any body that we would read.
 */
export function closingUnread(req: IncomingMessage): { Connection?: 'close' } {
  if (req.complete || !mayBeLong(req)) return {};
  // Node asks for this once such an answer is sent, and means by it to destroy the connection at once.
  req.socket.destroySoon = () => closeLingering(req.socket);
  return { Connection: 'close' };
}

/** Sends what is written, and ends the connection after a moment. */
export function closeLingering(socket: Socket): void {
  socket.pause();
  socket.end();
  const timer = setTimeout(() => socket.destroy(), LINGER_MS);
  socket.once('close', () => clearTimeout(timer));
}

/** A shorter body is read to its end by Node. One that waits for `100 Continue` may come or not. */
function mayBeLong({ headers }: IncomingMessage): boolean {
  const { 'content-length': length, 'transfer-encoding': encoding, expect } = headers;
  return encoding !== undefined || Number(length ?? 0) > MAX_BODY_BYTES || expect !== undefined;
}
