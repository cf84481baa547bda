import { idleBaseline } from '../machine/baseline.ts'
import { cgroupSeconds } from '../machine/cgroup-cpu.ts'
import { busySecondsOf } from '../machine/cpu-time.ts'
import { type Case, interleaved } from '../run/bench.ts'
import type { Metric } from '../run/measurements.ts'
import { assertRuns, podDown, podPrefix, podUp } from '../workload/pod.ts'

/** /proc/stat counts in ticks of 10 ms; so many pods make that one of a millisecond. */
const podsEach = 10

const machineCpu: Metric = {
  id: 'cpu.pod',
  title: "CPU for a pod's life, whole machine",
  unit: 'CPU ms',
  better: 'lower',
}
const runtimeCpu: Metric = {
  id: 'cpu.runtime',
  title: "CPU for a pod's life, daemon and all that it starts",
  unit: 'CPU ms',
  better: 'lower',
}

/** What the whole machine works for a pod, up and down: the daemon, its helpers, the OCI runtime, CNI, the kernel. */
export const cpuOfPod: Case = {
  name: 'cpu',
  async run(bench) {
    const { folder, options, measurements } = bench
    const baseline = await idleBaseline(bench)
    const rounds = Math.max(2, Math.ceil(options.rounds / 6))
    await interleaved(bench, 'CPU of pods', rounds, async (endpoint, round) => {
      const { cgroup } = endpoint
      const before = cgroup === undefined ? 0 : cgroupSeconds(cgroup)
      const seconds = await busySecondsOf(async () => {
        for (let at = 0; at < podsEach; at++) {
          const name = `${podPrefix}${endpoint.name}-${round}-${at}`
          const pod = await podUp(endpoint, { name, folder })
          await assertRuns(pod)
          await podDown(endpoint, pod)
        }
      }, baseline ?? 0)
      if (baseline !== undefined) measurements.add(machineCpu, endpoint.name, (seconds * 1000) / podsEach)
      if (cgroup === undefined) return
      measurements.add(runtimeCpu, endpoint.name, ((cgroupSeconds(cgroup) - before) * 1000) / podsEach)
    })
  },
}
