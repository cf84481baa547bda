const units = ['B', 'kB', 'MB', 'GB', 'TB', 'PB', 'EB']

/** A size in bytes with three digits and a decimal unit, as crictl and docker print them: "1.5MB". */
export function describeSize(bytes: bigint | number): string {
  let size = Number(bytes)
  let unit = 0
  while (size >= 1000 && unit < units.length - 1) {
    size /= 1000
    unit++
  }
  return `${Number(size.toPrecision(3))}${units[unit]}`
}
