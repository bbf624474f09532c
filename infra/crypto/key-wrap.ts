// Port of what wraps data keys: the local master key, or KMS.

/** Wraps data keys, each for one subject. */
export interface KeyWrap {
  wrap(dataKey: Uint8Array, subject: string): Promise<Uint8Array>;
  /**
   * Throws an `OperatorError` if the wrapped key was changed, belongs to another subject, or was wrapped with another master key;
   * `Unavailable` while the keeper of the master key does not answer.
   */
  unwrap(wrapped: Uint8Array, subject: string): Promise<Uint8Array>;
}

/** Before a data key that the key of the shop has wrapped, which KMS keeps. */
export const KMS_MARK = Buffer.from('kms1');

/** The box of a data key: nonce, key and tag. */
const BOX_BYTES = 12 + 32 + 16;

/** The lengths tell for certain: the local master key makes boxes without a mark. */
export function isUnderKms(wrapped: Uint8Array): boolean {
  return wrapped.length === KMS_MARK.length + BOX_BYTES && KMS_MARK.equals(wrapped.subarray(0, KMS_MARK.length));
}
