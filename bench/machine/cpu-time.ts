import { readFileSync } from 'node:fs'

/** A tick of /proc/stat, in seconds (USER_HZ is 100 on every architecture that Linux has left). */
const tick = 0.01

/** How long the CPUs of this machine have been busy since it started, in CPU seconds (proc_stat(5)). */
export function busySeconds(): number {
  const [first = ''] = readFileSync('/proc/stat', 'utf8').split('\n', 1)
  const [user = 0, nice = 0, system = 0, , , irq = 0, softirq = 0, steal = 0] = first
    .trim()
    .split(/\s+/)
    .slice(1)
    .map(Number)
  // Time stolen by the hypervisor counts: what took it would otherwise look cheaper on a crowded host.
  return (user + nice + system + irq + softirq + steal) * tick
}

/** CPU seconds of this process. */
export function ownSeconds(): number {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1e6
}

/** What the machine did while `run` ran, without this process itself and without what it does anyway: CPU seconds. */
export async function busySecondsOf(run: () => Promise<void>, baseline: number): Promise<number> {
  const busyBefore = busySeconds()
  const ownBefore = ownSeconds()
  const start = performance.now()
  await run()
  const seconds = (performance.now() - start) / 1000
  return busySeconds() - busyBefore - (ownSeconds() - ownBefore) - baseline * seconds
}
