/**
 * Wall-clock time in nanoseconds since the epoch, strictly increasing within a process: the kubelet orders the sandboxes of
 * a pod by `created_at`, and two that were made in the same millisecond must still have an order.
 */
export type Clock = () => bigint

/** A strictly increasing clock that is also never before `floor` (the newest time stamp already recorded). */
export function createClock(floor = 0n, nowMs: () => number = Date.now): Clock {
  let last = floor
  return () => {
    const now = BigInt(nowMs()) * 1_000_000n
    last = now > last ? now : last + 1n
    return last
  }
}
