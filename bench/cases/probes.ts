import { setTimeout as sleep } from 'node:timers/promises'
import { type Case, interleaved } from '../run/bench.ts'
import type { Endpoint } from '../run/endpoint.ts'
import type { Metric } from '../run/measurements.ts'
import { quantile } from '../statistics.ts'
import { assertRuns, type Pod, podDown, podPrefix, podUp } from '../workload/pod.ts'

const probes = 100

const mostRounds = 5

/** Between two calls of Version, in milliseconds. */
const pause = 5

const versionTime: Metric = {
  id: 'probes.version',
  title: `Version while ${probes} ExecSync run, p99 of a round`,
  unit: 'ms',
  better: 'lower',
}
const allTime: Metric = {
  id: 'probes.all',
  title: `${probes} ExecSync of \`true\` at once`,
  unit: 's',
  better: 'lower',
}

/** The exec probes of a full node that fall together: the API must answer all the while. */
export const probesAtOnce: Case = {
  name: 'probes',
  async run(bench) {
    const pods = new Map<Endpoint, Pod>()
    for (const endpoint of bench.endpoints) {
      const pod = await podUp(endpoint, { name: `${podPrefix}${endpoint.name}-probes`, folder: bench.folder })
      await assertRuns(pod)
      pods.set(endpoint, pod)
    }
    await interleaved(bench, 'probes', Math.min(bench.options.rounds, mostRounds), async (endpoint) => {
      const { seconds, versions } = await probeAtOnce(endpoint, pods.get(endpoint)?.containerId ?? '')
      bench.measurements.add(allTime, endpoint.name, seconds)
      bench.measurements.add(versionTime, endpoint.name, quantile(versions, 0.99))
    })
    for (const [endpoint, pod] of pods) await podDown(endpoint, pod)
  },
}

/** How long all of them took, and each call of Version meanwhile, in milliseconds. */
async function probeAtOnce(
  { cri, name }: Endpoint,
  containerId: string,
): Promise<{ readonly seconds: number; readonly versions: readonly number[] }> {
  const began = performance.now()
  const over = new AbortController()
  const all = Promise.all(
    Array.from({ length: probes }, () => cri.runtime.execSync({ containerId, cmd: ['true'], timeout: 60n })),
  ).finally(() => {
    over.abort()
  })
  // It is waited for below.
  all.catch(() => {})
  const versions: number[] = []
  while (!over.signal.aborted) {
    const start = performance.now()
    await cri.runtime.version({})
    versions.push(performance.now() - start)
    await sleep(pause)
  }
  const failed = (await all).filter(({ exitCode }) => exitCode !== 0)
  if (failed.length > 0) throw new Error(`${name}: ${failed.length} of ${probes} commands did not exit with 0`)
  return { seconds: (performance.now() - began) / 1000, versions }
}
