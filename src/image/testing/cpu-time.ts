/** What `work` takes of this thread's time on a CPU, in milliseconds, whatever else runs on the machine. */
export function cpuTimeMs(work: () => void): number {
  const before = process.threadCpuUsage()
  work()
  const { user, system } = process.threadCpuUsage(before)
  return (user + system) / 1000
}
