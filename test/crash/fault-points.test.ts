import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { faultPointNames } from '../../src/lib/fault-point-names.ts'
import { messageOf } from '../../src/lib/errors.ts'
import { DockerRegistry } from '../registry/docker-registry.ts'
import {
  buildArtifact,
  buildImage,
  buildLayer,
  busyboxImage,
  busyboxItems,
  pushImage,
} from '../registry/image-builder.ts'
import { allCases, type CrashCase, someCases } from './faults/cases.ts'
import { CrashWorld } from './faults/crash-world.ts'
import { type CaseResult, matrixOf } from './faults/matrix.ts'
import { runCase } from './faults/run-case.ts'
import { scenarios } from './faults/scenarios.ts'

/**
 * The crash suite: every operation is interrupted at every fault point, by killing berthd, its shim or both, or by an error.
 * Then berthd is started again, the client asks again and gets what it wanted, the API tells the truth, a neighbour has not
 * noticed, and once the pod is removed the machine is as before.
 *
 * `npm run crash` runs all cases and prints the matrix; `npm run crash -- <word> …` those that have all the words in
 * `operation point victim`. `npm test` has some of them, others every day: BERTH_CRASH_SEED sets
 * which.
 */
const words = process.env.BERTH_CRASH_CASES?.split(' ').filter((word) => word !== '' && word !== 'all')
const today = Math.floor(Date.now() / 86_400_000)
const seed = Number(process.env.BERTH_CRASH_SEED ?? today)
const nameOf = ({ scenario, point, victim }: CrashCase) => `${scenario.operation} ${point} ${victim}`
const cases = words ? allCases().filter((each) => words.every((word) => nameOf(each).includes(word))) : someCases(seed)

let registry: DockerRegistry
before(async () => {
  registry = await DockerRegistry.start()
  await pushImage(registry.host, 'library/busybox', 'latest', busyboxImage())
  const greeting = buildLayer([{ name: 'greeting', data: 'hello\n' }])
  const layers = [buildLayer([...busyboxItems(), { name: 'of-the-crash-image', data: '' }]), greeting]
  await pushImage(registry.host, 'library/artifact', 'latest', buildArtifact([{ title: 'file', data: 'hello\n' }]))
  await pushImage(registry.host, 'library/crash', 'latest', buildImage({ layers, config: { Cmd: ['/bin/sh'] } }))
})
after(() => registry.stop())

const results: CaseResult[] = []
after(() => {
  if (words) console.log(`\n${matrixOf(results)}\n\n${summary()}`)
})

function summary(): string {
  const passed = results.filter(({ error }) => !error).length
  const seconds = results.reduce((sum, { ms }) => sum + ms, 0) / 1000
  const slowest = results.toSorted((a, b) => b.ms - a.ms).slice(0, 5)
  const slow = slowest.map(({ crash, ms }) => `${nameOf(crash)} ${(ms / 1000).toFixed(1)} s`)
  return `${passed} of ${results.length} cases passed, ${seconds.toFixed(0)} s; the slowest: ${slow.join(', ')}`
}

test('every fault point is in a scenario', () => {
  const walked = new Set(scenarios.flatMap(({ points }) => points))
  assert.deepEqual(
    faultPointNames.filter((name) => !walked.has(name)),
    [],
  )
})

for (const [operation, group] of Map.groupBy(cases, ({ scenario }) => scenario.operation)) {
  test(`${operation}, interrupted (${group.length} cases${words ? '' : `, seed ${seed}`})`, async (t) => {
    // What fails spoils the place for the next one: that gets a new one.
    for (let left = group; left.length > 0; ) {
      await t.test(`from ${left[0]?.point}, ${left[0]?.victim}`, async (part) => {
        const world = await CrashWorld.start(part, registry.host, group[0]?.scenario.withPlugin)
        while (left.length > 0) {
          const [crash, ...rest] = left as [CrashCase, ...CrashCase[]]
          left = rest
          await run(world, crash)
        }
        await world.end()
      })
    }
  })
}

async function run(world: CrashWorld, crash: CrashCase): Promise<void> {
  const started = performance.now()
  try {
    await runCase(world, crash)
    results.push({ crash, ms: performance.now() - started })
  } catch (error) {
    const failure = new Error(`${nameOf(crash)}: ${messageOf(error)}`, { cause: error })
    results.push({ crash, ms: performance.now() - started, error: failure })
    // At once: the runner tells of it at the end alone, many minutes later.
    console.error(failure.message)
    throw failure
  }
}
