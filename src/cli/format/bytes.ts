const units = ['bytes', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB']

/** A size in bytes with binary units, as limits of memory are written: "64 MiB". */
export function describeBytes(bytes: bigint | number): string {
  let size = Number(bytes)
  let unit = 0
  while (size >= 1024 && unit < units.length - 1) {
    size /= 1024
    unit++
  }
  return `${Number(size.toFixed(size < 10 ? 1 : 0))} ${units[unit]}`
}
