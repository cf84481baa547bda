import assert from 'node:assert/strict'
import { test } from 'node:test'
import { clone, type DescMessage, type DescMethodUnary, type Message, toJsonString } from '@bufbuild/protobuf'
import { CriError } from '../../src/client/index.ts'
import {
  ContainerConfigSchema,
  ImageService,
  NamespaceMode,
  PodSandboxConfigSchema,
  RuntimeService,
} from '../../src/gen/cri_pb.ts'
import { conformance } from '../harness/conformance.ts'
import { HostileMessages } from '../harness/hostile-message.ts'

/**
 * Thousands of requests that no sane client would send, made from the description of the wire: each gets an answer or a
 * status that says whose fault it is, and afterwards the machine is as it was.
 */

/** Pulls go to registries outside; their bad input has tests of its own. */
const skipped = new Set(['PullImage'])
/** The codes that tell a client that its request is at fault, or its time. UNKNOWN and INTERNAL are none of them. */
const honest = new Set([
  'INVALID_ARGUMENT',
  'NOT_FOUND',
  'FAILED_PRECONDITION',
  'ALREADY_EXISTS',
  'UNIMPLEMENTED',
  'OUT_OF_RANGE',
  'RESOURCE_EXHAUSTED',
])
const count = 2500
const budgetMs = 20_000

test('hostile requests', { timeout: 240_000 }, async (t) => {
  const { berthd, client, part } = await conformance(t)
  const seed = Number(process.env.BERTH_TESTS_SEED ?? 20_261)
  t.diagnostic(`BERTH_TESTS_SEED=${seed}`)

  await part('get an honest status and change nothing', async () => {
    const hostile = new HostileMessages(seed)
    const onHost = { network: NamespaceMode.NODE, pid: NamespaceMode.CONTAINER, ipc: NamespaceMode.NODE }
    const host = { linux: { securityContext: { namespaceOptions: onHost } } }
    const victim = await client.runSandbox(client.sandboxConfig('victim', host))
    const target = await client.runContainer(victim, client.containerConfig('target', 'sleep 1000'))
    // So that the victim has its shared PID namespace, which it gets with the first container that wants it. With a stdin no
    // OCI runtime waits for its start.
    await client.createContainer(victim, client.containerConfig('sharing', 'true', { linux: {}, stdin: true }))
    const before = berthd.snapshot()
    const goodSandbox = client.sandboxConfig('good', {
      ...host,
      hostname: '',
      dnsConfig: { servers: ['10.0.0.1'], searches: ['x.example'], options: ['ndots:2'] },
      portMappings: [{ protocol: 0, containerPort: 80, hostPort: 28_099, hostIp: '127.0.0.1' }],
      labels: { a: 'b' },
    })
    const goodContainer = client.containerConfig('good', 'true', {
      workingDir: '/tmp',
      envs: [{ key: 'A', value: Buffer.from('b') }],
      mounts: [{ containerPath: '/mnt', hostPath: berthd.place.folder }],
      devices: [{ containerPath: '/dev/x', hostPath: '/dev/null', permissions: 'r' }],
      linux: {
        resources: { cpuShares: 10n, memoryLimitInBytes: 64n << 20n, hugepageLimits: [{ pageSize: '2MB', limit: 0n }] },
        securityContext: {
          namespaceOptions: onHost,
          capabilities: { addCapabilities: ['NET_ADMIN'], dropCapabilities: ['CHOWN'] },
          runAsUser: { value: 1n },
          seccomp: { profileType: 0 },
          maskedPaths: ['/proc/kcore'],
        },
      },
    })

    const codes = new Map<string, number>()
    const failures: string[] = []
    const send = async <T>(what: string, call: () => Promise<T>): Promise<T | undefined> => {
      try {
        const answer = await call()
        codes.set('OK', (codes.get('OK') ?? 0) + 1)
        return answer
      } catch (error) {
        assert.ok(error instanceof CriError, `${what}: ${error}`)
        codes.set(error.codeName, (codes.get(error.codeName) ?? 0) + 1)
        if (!honest.has(error.codeName)) failures.push(`${error.codeName}: ${error.message.slice(0, 300)}: ${what}`)
        else if (error.message === '') failures.push(`${what}: no message`)
        return undefined
      }
    }

    const methods = [...RuntimeService.methods, ...ImageService.methods].filter(
      (method): method is DescMethodUnary => method.methodKind === 'unary' && !skipped.has(method.name),
    )
    const anyRequest = async (): Promise<void> => {
      const method = hostile.pick(methods)
      const request = hostile.message(method.input) as Message & { containerId?: unknown; podSandboxId?: unknown }
      // Calls that only look, or only touch a running container, may well meet the true one.
      const harmless = /^(ExecSync|Exec|Attach|PortForward|UpdateContainerResources|.*Status|.*Stats)$/.test(
        method.name,
      )
      if (harmless && hostile.chance(0.5)) {
        if (request.containerId !== undefined) request.containerId = target
        if (request.podSandboxId !== undefined) request.podSandboxId = victim
      }
      const service = method.parent.typeName === RuntimeService.typeName ? client.runtime : client.image
      const call = (service as unknown as Record<string, (request: Message, options: object) => Promise<Message>>)[
        method.localName
      ] as (request: Message, options: object) => Promise<Message>
      const answer = await send(`${method.name} ${toJsonString(method.input, request).slice(0, 400)}`, () =>
        call(request, { timeout: 10_000 }),
      )
      await undo(answer as { podSandboxId?: string; containerId?: string } | undefined)
    }
    /** One to three fields of it, by their paths. */
    const spoilt = (type: DescMessage, message: Message) =>
      Array.from({ length: hostile.pick([1, 1, 2, 3]) }, () => hostile.spoil(type, message)).join(', ')
    const spoiltSandbox = async (): Promise<void> => {
      const config = clone(PodSandboxConfigSchema, goodSandbox)
      const path = spoilt(PodSandboxConfigSchema, config)
      const what = `RunPodSandbox with ${path} spoilt: ${toJsonString(PodSandboxConfigSchema, config).slice(0, 400)}`
      await undo(await send(what, () => client.runtime.runPodSandbox({ config })))
    }
    const spoiltContainer = async (): Promise<void> => {
      const config = clone(ContainerConfigSchema, goodContainer)
      const path = spoilt(ContainerConfigSchema, config)
      const what = `CreateContainer with ${path} spoilt: ${toJsonString(ContainerConfigSchema, config).slice(0, 400)}`
      await undo(await send(what, () => client.runtime.createContainer({ podSandboxId: victim, config })))
    }
    /** A request that was good after all is taken back. */
    const undo = async (made: { podSandboxId?: string; containerId?: string } | undefined): Promise<void> => {
      if (made?.podSandboxId) await client.removeSandbox(made.podSandboxId)
      if (made?.containerId) await client.runtime.removeContainer({ containerId: made.containerId })
    }

    const deadline = performance.now() + budgetMs
    let sent = 0
    for (; sent < count && performance.now() < deadline; sent += 3) {
      await anyRequest()
      await spoiltSandbox()
      await spoiltContainer()
    }
    t.diagnostic(`${sent} requests: ${[...codes].map(([code, times]) => `${code} ${times}`).join(', ')}`)
    assert.deepEqual(failures, [])
    assert.ok(sent > 300, `only ${sent} requests in ${budgetMs / 1000} s`)
    assert.ok((codes.get('INVALID_ARGUMENT') ?? 0) > sent / 5)
    // Anything thrown that nobody thought of is logged with its stack.
    assert.deepEqual(berthd.log().match(/^.*"stack":.*$/gm), null)
    const { exitCode } = await client.runtime.execSync({ containerId: target, cmd: ['true'] })
    assert.equal(exitCode, 0)
    await berthd.assertAsAt(before)
  })
})
