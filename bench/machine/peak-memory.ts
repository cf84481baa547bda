import { readFileSync, writeFileSync } from 'node:fs'
import type { Endpoint } from '../run/endpoint.ts'
import { serverOf } from './socket-server.ts'

/** The most memory that the daemon had at a time while `work` went on (VmHWM), in MiB. */
export async function peakMemoryDuring({ socket }: Endpoint, work: () => Promise<void>): Promise<number> {
  const process = `/proc/${serverOf(socket)}`
  // proc_pid_clear_refs(5): 5 sets the peak to the present.
  writeFileSync(`${process}/clear_refs`, '5')
  await work()
  return Number(/^VmHWM:\s*(\d+)/m.exec(readFileSync(`${process}/status`, 'utf8'))?.[1]) / 1024
}
