// Data keys in memory, for tests.
import type { SubjectKey, SubjectKeys } from '../infra/crypto/subject-keys.js';

export function createMemorySubjectKeys(): SubjectKeys {
  const keys = new Map<string, SubjectKey>();
  return {
    get: async (subject) => keys.get(subject),
    async createIfAbsent(subject, wrapped) {
      const key = keys.get(subject) ?? { wrapped };
      keys.set(subject, key);
      return key;
    },
    async forget(subject) {
      keys.set(subject, { forgotten: true });
    },
  };
}
