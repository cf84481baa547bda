import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import {
  type ContainerEventResponse,
  ContainerEventType,
  ContainerState,
  PodSandboxState,
} from '../../src/gen/cri_pb.ts'
import { Berthd } from '../harness/berthd.ts'
import { eventually } from '../harness/eventually.ts'
import { PodClient } from '../harness/pod.ts'
import { DockerRegistry } from '../registry/docker-registry.ts'
import { busyboxImage, pushImage } from '../registry/image-builder.ts'

/** GetContainerEvents, as the kubelet's evented PLEG needs it. */
let registry: DockerRegistry
before(async () => {
  registry = await DockerRegistry.start()
  await pushImage(registry.host, 'library/busybox', 'latest', busyboxImage())
})
after(() => registry.stop())

const options = { timeout: 60_000 }
const words = ['created', 'started', 'stopped', 'deleted']

/** Collects events until the test takes its hand off. */
function subscribe(client: PodClient) {
  const events: ContainerEventResponse[] = []
  const gone = new AbortController()
  const end = (async () => {
    for await (const event of client.runtime.getContainerEvents({}, { signal: gone.signal })) events.push(event)
    return 'ended'
  })().catch((error) => error)
  return { events, gone, end }
}

test('several subscribers see the whole life of a pod, each event with the pod as it was', options, async (t) => {
  const berthd = await Berthd.start(t, { mirrors: { 'docker.io': registry.host } })
  using client = new PodClient(berthd)
  using second = new PodClient(berthd)
  await client.pull()
  const [first, other] = [subscribe(client), subscribe(second)]
  // A subscription begins when the call has arrived, of which there is no sign: pods come and go until both have seen one.
  for (let n = 0; first.events.length === 0 || other.events.length === 0; n++) {
    await client.removeSandbox(await client.runSandbox(client.sandboxConfig(`probe-${n}`)))
  }

  const pod = await client.runSandbox(client.sandboxConfig('seen', { labels: { a: 'b' } }))
  const container = await client.runContainer(pod, client.containerConfig('brief', 'exit 3'))
  await client.exited(container)
  const long = await client.runContainer(pod, client.containerConfig('long', 'sleep 100'))
  await client.removeSandbox(pod)
  const mine = ({ events }: typeof first) => events.filter(({ podSandboxStatus }) => podSandboxStatus?.id === pod)
  await eventually('both have seen the end', () => {
    const isLast = (event?: ContainerEventResponse) =>
      event?.containerId === pod && event.containerEventType === ContainerEventType.CONTAINER_DELETED_EVENT
    return (isLast(mine(first).at(-1)) && isLast(mine(other).at(-1))) || undefined
  })

  const names = new Map([
    [pod, 'pod'],
    [container, 'brief'],
    [long, 'long'],
  ])
  const seen = mine(first)
  const said = seen.map(({ containerId, containerEventType }) => {
    return `${names.get(containerId)} ${words[containerEventType]}`
  })
  assert.deepEqual(said.slice(0, 7), [
    'pod created',
    'pod started',
    'brief created',
    'brief started',
    'brief stopped',
    'long created',
    'long started',
  ])
  assert.deepEqual(said.slice(7, 9), ['pod stopped', 'long stopped'])
  assert.deepEqual(said.slice(9, 11).sort(), ['brief deleted', 'long deleted'])
  assert.deepEqual(said.slice(11), ['pod deleted'])
  assert.deepEqual(mine(other), seen)

  for (const [index, event] of seen.entries()) {
    assert.ok(event.createdAt > (seen[index - 1]?.createdAt ?? 0n), 'the times must increase')
    assert.equal(event.podSandboxStatus?.metadata?.uid, 'uid-of-seen')
    assert.deepEqual(event.podSandboxStatus?.labels, { a: 'b' })
  }
  const [, started, , , stopped] = seen
  assert.equal(started?.podSandboxStatus?.state, PodSandboxState.SANDBOX_READY)
  assert.match(started?.podSandboxStatus?.network?.ip ?? '', /^10\./)
  const [status] = stopped?.containersStatuses ?? []
  assert.equal(status?.state, ContainerState.CONTAINER_EXITED)
  assert.deepEqual([status?.exitCode, status?.reason, status?.metadata?.name], [3, 'Error', 'brief'])
  assert.equal(seen.at(-1)?.podSandboxStatus?.state, PodSandboxState.SANDBOX_NOTREADY)
  assert.deepEqual(seen.at(-1)?.containersStatuses, [])

  other.gone.abort()
  await other.end
  assert.equal(await Promise.race([first.end, new Promise((resolve) => setTimeout(resolve, 300, 'open'))]), 'open')
  first.gone.abort()
  await first.end
})

test('the status of a pod is not older than its last event', options, async (t) => {
  const berthd = await Berthd.start(t, { mirrors: { 'docker.io': registry.host } })
  using client = new PodClient(berthd)
  await client.pull()
  const { events, gone, end } = subscribe(client)
  const pods: string[] = []
  for (let n = 0; pods.length < 3 || events.length === 0; n++) {
    const pod = await client.runSandbox(client.sandboxConfig(`pod-${n}`))
    pods.push(pod)
    const { timestamp } = await client.runtime.podSandboxStatus({ podSandboxId: pod })
    const last = events.filter(({ containerId }) => containerId === pod).at(-1)
    assert.ok(!last || timestamp > last.createdAt)
  }
  await Promise.all(pods.map((pod) => client.removeSandbox(pod)))
  gone.abort()
  await end
})
