import { libc } from './libc.ts'

const M_MMAP_THRESHOLD = -3
const M_ARENA_MAX = -8

/**
 * Keeps glibc's allocator from hoarding: without this each thread may get an arena of its own, whose freed memory no other
 * uses, and blocks that were large once are kept for good (mallopt(3)). For the start of a process that has threads.
 */
export function limitArenas(): void {
  libc.mallopt(M_ARENA_MAX, 2)
  libc.mallopt(M_MMAP_THRESHOLD, 128 * 1024)
}

/** Gives memory that was freed back to the system (malloc_trim(3)); takes some milliseconds. */
export function returnFreeMemory(): void {
  libc.malloc_trim(0)
}
