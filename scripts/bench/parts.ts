// Work in parts, a few of them at a time.
export async function inParts(parts: number, atATime: number, work: (part: number) => Promise<unknown>): Promise<void> {
  const left = Array.from({ length: parts }, (_, n) => n).values();
  const takeParts = async () => {
    for (const part of left) await work(part);
  };
  await Promise.all(Array.from({ length: atATime }, takeParts));
}
