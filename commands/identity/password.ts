// The form of passwords: any characters that a person can type.
import { z } from 'zod';
import { MAX_PASSWORD_CHARS } from './limits.js';

export function passwordOf(min: number) {
  const fits = new RegExp(`^[^\\u0000-\\u001f\\u007f]{${min},${MAX_PASSWORD_CHARS}}$`, 'u');
  return z.string().regex(fits, `must have ${min} to ${MAX_PASSWORD_CHARS} characters, and no control characters`);
}
