import type { DeviceUsage } from './usage.ts'

/** Of version 2's io.stat: `8:0 rbytes=1 wbytes=2 rios=3 wios=4 dbytes=0 dios=0`. A device may have no numbers. */
export function parseIoStat(text: string): DeviceUsage[] {
  return text.split('\n').flatMap((line) => {
    const [device = '', ...words] = line.split(' ')
    const numbers = new Map(words.map((word) => word.split('=') as [string, string]))
    if (!numbers.has('rbytes')) return []
    const number = (key: string) => Number(numbers.get(key) ?? 0)
    const counted = { readBytes: number('rbytes'), writtenBytes: number('wbytes') }
    return [{ ...deviceOf(device), ...counted, reads: number('rios'), writes: number('wios') }]
  })
}

/** Of version 1's blkio files, bytes and requests: lines as `8:0 Read 4096`, and a line `Total 4096`. */
export function parseBlkio(bytes: string, requests: string): DeviceUsage[] {
  const byteCounts = blkioCounts(bytes)
  const requestCounts = blkioCounts(requests)
  return [...byteCounts].map(([device, counts]) => ({
    ...deviceOf(device),
    readBytes: counts.get('Read') ?? 0,
    writtenBytes: counts.get('Write') ?? 0,
    reads: requestCounts.get(device)?.get('Read') ?? 0,
    writes: requestCounts.get(device)?.get('Write') ?? 0,
  }))
}

function blkioCounts(text: string): Map<string, Map<string, number>> {
  const devices = new Map<string, Map<string, number>>()
  for (const line of text.split('\n')) {
    const [device = '', operation = '', count] = line.split(' ')
    if (count === undefined) continue
    const counts = devices.get(device) ?? new Map<string, number>()
    devices.set(device, counts.set(operation, Number(count)))
  }
  return devices
}

function deviceOf(text: string): { readonly major: number; readonly minor: number } {
  const [major, minor] = text.split(':').map(Number)
  return { major: major ?? 0, minor: minor ?? 0 }
}
