/** Milliseconds in a unit of `grpc-timeout`. */
const units: Readonly<Record<string, number>> = { H: 3_600_000, M: 60_000, S: 1000, m: 1, u: 1e-3, n: 1e-6 }

/** The value of a `grpc-timeout` in milliseconds, such as 120000 of `2M`; undefined when it is no such thing. */
export function millisecondsOf(timeout: string): number | undefined {
  const match = /^(\d{1,8})([HMSmun])$/.exec(timeout)
  return match ? Number(match[1]) * (units[match[2] ?? ''] ?? 0) : undefined
}
