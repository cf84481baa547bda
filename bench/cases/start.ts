import { ContainerState } from '../../src/client/index.ts'
import { startDaemon, stopDaemon } from '../machine/daemon.ts'
import type { Bench, Case } from '../run/bench.ts'
import type { Endpoint } from '../run/endpoint.ts'
import type { Metric } from '../run/measurements.ts'
import { Fleet } from '../workload/fleet.ts'

const answer: Metric = {
  id: 'start.firstAnswer',
  title: 'daemon start to first answer',
  unit: 's',
  better: 'lower',
}
const list: Metric = {
  id: 'start.allListed',
  title: 'daemon start to a list of all containers',
  unit: 's',
  better: 'lower',
}

const levels = [0, 200]
const mostRounds = 10

/** The daemon is ended and started while pods run; they must still run, and be known, afterwards. */
export const start: Case = {
  name: 'start',
  lacks: ({ endpoints }) =>
    endpoints.every((endpoint) => endpoint.start === undefined) ? 'no --start tells how to start a daemon' : undefined,
  async run(bench) {
    for (const endpoint of bench.endpoints) {
      if (endpoint.start === undefined) bench.note(`${endpoint.name} not measured: no --start`)
      else await measureEndpoint(bench, endpoint)
    }
  },
}

async function measureEndpoint(bench: Bench, endpoint: Endpoint): Promise<void> {
  const fleet = new Fleet(endpoint, bench.folder)
  for (const level of levels) {
    bench.progress(`start: ${endpoint.name} with ${level} pods`)
    await fleet.grow(level)
    for (let round = 0; round < Math.min(bench.options.rounds, mostRounds); round++) {
      await stopDaemon(endpoint)
      const milliseconds = await startDaemon(endpoint)
      bench.measurements.add(answer, endpoint.name, milliseconds / 1000, level)
      const asked = performance.now()
      await assertRunning(endpoint, fleet)
      bench.measurements.add(list, endpoint.name, (milliseconds + performance.now() - asked) / 1000, level)
    }
  }
  await fleet.remove()
}

async function assertRunning({ name, cri }: Endpoint, { pods }: Fleet): Promise<void> {
  const { containers } = await cri.runtime.listContainers(
    { filter: { state: { state: ContainerState.CONTAINER_RUNNING } } },
    { waitForReady: true, timeout: 60_000 },
  )
  const running = new Set(containers.map(({ id }) => id))
  const lost = pods.filter(({ containerId }) => !running.has(containerId))
  if (lost.length > 0)
    throw new Error(`${name}: ${lost.length} of ${pods.length} containers do not run after a restart`)
}
