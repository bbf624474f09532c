// Keeps the memory of long-running programs small. V8 would let the heap grow to several times its size, and most of it is garbage.
import { setFlagsFromString } from 'node:v8';

/** The heap is collected after it has grown by so many percent. A smaller growth needs less memory and more CPU time. */
export function limitHeapGrowth(percent: number): void {
  setFlagsFromString(`--heap-growing-percent=${percent}`);
}
