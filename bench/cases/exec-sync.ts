import { type Bench, type Case, interleaved } from '../run/bench.ts'
import type { Endpoint } from '../run/endpoint.ts'
import type { Metric } from '../run/measurements.ts'
import { assertRuns, type Pod, podDown, podPrefix, podUp } from '../workload/pod.ts'

const exec: Metric = { id: 'exec.sync', title: 'ExecSync of `true`', unit: 'ms', better: 'lower' }

/** ExecSync, as the exec probes of the kubelet use it. */
export const execSync: Case = {
  name: 'exec',
  async run(bench) {
    const pods = new Map<Endpoint, Pod>()
    for (const endpoint of bench.endpoints) pods.set(endpoint, await podFor(bench, endpoint))
    await interleaved(bench, 'ExecSync', bench.options.rounds, async (endpoint) => {
      const containerId = pods.get(endpoint)?.containerId ?? ''
      const start = performance.now()
      const { exitCode } = await endpoint.cri.runtime.execSync({ containerId, cmd: ['true'], timeout: 10n })
      bench.measurements.add(exec, endpoint.name, performance.now() - start)
      if (exitCode !== 0) throw new Error(`${endpoint.name}: \`true\` exited with ${exitCode}`)
    })
    for (const [endpoint, pod] of pods) await podDown(endpoint, pod)
  },
}

/** A pod in which commands are seen to run. */
async function podFor(bench: Bench, endpoint: Endpoint): Promise<Pod> {
  const name = `${podPrefix}${endpoint.name}-exec`
  const pod = await podUp(endpoint, { name, folder: bench.folder })
  await assertRuns(pod)
  const cmd = ['/bin/sh', '-c', 'hostname; exit 3']
  const { stdout, exitCode } = await endpoint.cri.runtime.execSync({
    containerId: pod.containerId,
    cmd,
    timeout: 10n,
  })
  if (Buffer.from(stdout).toString().trim() !== name || exitCode !== 3)
    throw new Error(`${endpoint.name}: ExecSync answered exit code ${exitCode} and "${Buffer.from(stdout)}"`)
  return pod
}
