/**
 * Version 1's CPU shares (2 to 262144, usually 1024) as version 2's weight (1 to 10000, usually 100). OCI runtimes convert
 * in two ways: until 2025 (runc 1.3.1, crun 1.22) on a line, since then on a curve that goes through both usual values.
 * Containers of one machine must all be converted in the same way, or their weights do not compare.
 *
 * @param known shares and the weight that this machine's OCI runtime made of them
 */
export function weightOf(shares: number, known: { readonly shares: number; readonly weight: number }): number {
  const oldWay = known.shares > 0 && known.weight === onLine(known.shares) && known.weight !== onCurve(known.shares)
  return oldWay ? onLine(shares) : onCurve(shares)
}

function onLine(shares: number): number {
  return 1 + Math.trunc(((clamp(shares) - 2) * 9999) / 262142)
}

/** https://github.com/opencontainers/cgroups/pull/20 */
function onCurve(shares: number): number {
  if (shares <= 2) return 1
  if (shares >= 262144) return 10000
  const log = Math.log2(shares)
  return Math.ceil(10 ** ((log * log + 125 * log) / 612 - 7 / 34))
}

function clamp(shares: number): number {
  return Math.min(262144, Math.max(2, shares))
}
