import { randomInt } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { CriError } from '../../src/client/index.ts'
import { ContainerState } from '../../src/gen/cri_pb.ts'
import { eventually } from '../harness/eventually.ts'
import type { PodClient } from '../harness/pod.ts'

export interface SoakOptions {
  /** Milliseconds since the epoch: no pod is begun after that, unless `maxPods` is finite. */
  readonly until: number
  readonly maxPods: number
  /** Pods a second. */
  readonly rate: number
  readonly onPod: (done: number) => void
}

export interface SoakOutcome {
  readonly pods: number
  /** Calls that failed because berthd or a shim was gone, and were made again. */
  readonly retries: number
  /** What must never be. */
  readonly violations: readonly string[]
}

/** Pods at a time. */
const workers = 4
/** Its first process ends with 7 when it is asked to, whatever happens to those who watch it. */
const script = 'trap "exit 7" TERM; i=0; while :; do echo "$i"; i=$((i+1)); sleep 0.02; done'

/** Lets pods come and go, and looks whether all that a client can see is as it must be. */
export async function soak(client: PodClient, options: SoakOptions): Promise<SoakOutcome> {
  let begun = 0
  let done = 0
  let retries = 0
  const violations: string[] = []
  const finite = Number.isFinite(options.maxPods)
  const next = () => (finite ? begun < options.maxPods : Date.now() < options.until)
  const onRetry = () => retries++

  const work = async () => {
    while (next()) {
      const started = Date.now()
      const name = `soak-${begun++}`
      try {
        violations.push(...(await onePod(client, name, onRetry)).map((violation) => `${name}: ${violation}`))
      } catch (error) {
        violations.push(`${name}: ${error}`)
      }
      options.onPod(++done)
      await sleep(Math.max(0, (workers * 1000) / options.rate - (Date.now() - started)))
    }
  }
  await Promise.all(Array.from({ length: workers }, work))
  return { pods: done, retries, violations }
}

/** The life of one pod; answers what was not as it must be. */
async function onePod(client: PodClient, name: string, onRetry: () => void): Promise<string[]> {
  const violations: string[] = []
  const again = <T>(call: () => Promise<T>) => repeated(call, onRetry)
  const config = client.sandboxConfig(name)
  const pod = await again(() => client.runSandbox(config))
  const container = await again(() => client.createContainer(pod, client.containerConfig('c', script)))
  if (await started(client, container, again)) {
    const exec = await again(() =>
      client.runtime.execSync({ containerId: container, cmd: ['echo', name], timeout: 20n }),
    )
    if (Buffer.from(exec.stdout).toString() !== `${name}\n`) violations.push(`exec answered ${exec.stdout}`)
    await sleep(randomInt(50, 400))
    const running = await again(() => client.status(container))
    if (running.state !== ContainerState.CONTAINER_RUNNING)
      violations.push(`it is ${running.state}: ${running.message}`)
    await again(() => client.runtime.stopContainer({ containerId: container, timeout: 20n }))
    const { state, exitCode, reason, logPath } = await again(() => client.status(container))
    if (state !== ContainerState.CONTAINER_EXITED) violations.push(`after its stop it is in state ${state}`)
    if (exitCode !== 7) violations.push(`its exit code is ${exitCode} (${reason}), not 7`)
    violations.push(...logViolations(logPath))
  }
  if (randomInt(2) === 0) await again(() => client.runtime.stopPodSandbox({ podSandboxId: pod }))
  await again(() => client.runtime.removePodSandbox({ podSandboxId: pod }))
  return violations
}

/** Starts it; a start that was cut off by a kill may have failed, and says so. */
async function started(
  client: PodClient,
  containerId: string,
  again: <T>(call: () => Promise<T>) => Promise<T>,
): Promise<boolean> {
  const failure = await client.runtime.startContainer({ containerId }).then(
    () => undefined,
    (error: unknown) => error,
  )
  if (failure === undefined) return true
  const status = await eventually(
    'the start has come to an end',
    async () => {
      const now = await again(() => client.status(containerId))
      if (now.state !== ContainerState.CONTAINER_CREATED) return now
      // It was not begun, or it goes on: asked again, it is.
      await client.runtime.startContainer({ containerId }).catch(() => {})
      return undefined
    },
    60_000,
  )
  if (status.state === ContainerState.CONTAINER_RUNNING) return true
  if (status.reason === 'StartError') return false
  throw new Error(`it did not start: ${status.reason} ${status.message} (${failure})`)
}

/** Repeats what failed because somebody was gone, as the kubelet does. */
async function repeated<T>(call: () => Promise<T>, onRetry: () => void): Promise<T> {
  const deadline = Date.now() + 60_000
  for (;;) {
    try {
      return await call()
    } catch (error) {
      const gone = error instanceof CriError && ['UNAVAILABLE', 'CANCELLED'].includes(error.codeName)
      if (!gone || Date.now() > deadline) throw error
      onRetry()
      await sleep(100)
    }
  }
}

/** Every number from 0 on, once and in order. */
function logViolations(path: string): string[] {
  const lines = readFileSync(path, 'utf8').split('\n').slice(0, -1)
  const numbers = lines.map((line) => Number(line.split(' ')[3]))
  const at = numbers.findIndex((number, index) => number !== index)
  if (at < 0) return numbers.length > 0 ? [] : ['its log is empty']
  return [`line ${at} of its log is ${JSON.stringify(lines[at])}`]
}
