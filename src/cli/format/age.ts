/** The units of an age, each used up to (not including) `below` of its own. */
const units = [
  { ms: 1000, below: 60, one: '1 second', many: 'seconds' },
  { ms: 60_000, below: 60, one: 'About a minute', many: 'minutes' },
  { ms: 3_600_000, below: 48, one: 'About an hour', many: 'hours' },
  { ms: 86_400_000, below: 14, one: '1 day', many: 'days' },
  { ms: 604_800_000, below: 60 / 7, one: '1 week', many: 'weeks' },
  { ms: 2_592_000_000, below: 730 / 30, one: '1 month', many: 'months' },
  { ms: 31_536_000_000, below: Number.POSITIVE_INFINITY, one: '1 year', many: 'years' },
] as const

/** How long ago a time stamp (nanoseconds since the epoch) was, in the words of crictl and docker: "2 minutes ago". */
export function ago(nanoseconds: bigint, nowMs: number): string {
  return `${describeDuration(nowMs - Number(nanoseconds / 1_000_000n))} ago`
}

/** A duration in words of one unit; a negative one (clocks differ) counts as none. */
export function describeDuration(ms: number): string {
  if (ms < 1000) return 'Less than a second'
  const unit = units.find(({ ms: length, below }) => ms < length * below) ?? units[units.length - 1]
  const count = Math.floor(ms / (unit?.ms ?? 1))
  return count === 1 ? (unit?.one ?? '') : `${count} ${unit?.many}`
}
