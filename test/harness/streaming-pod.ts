import type { TestContext } from 'node:test'
import type { ContainerConfig } from '../../src/gen/cri_pb.ts'
import { SpdyClient } from '../../src/mux/testing/spdy-client.ts'
import { Berthd } from './berthd.ts'
import { PodClient } from './pod.ts'
import { RemoteSession } from './remote-session.ts'
import type { SurroundingsOptions } from './surroundings.ts'

export interface StreamingPodOptions extends SurroundingsOptions {
  /** Of the container. */
  readonly change?: Partial<ContainerConfig>
  readonly hostNetwork?: boolean
}

/** A pod with a container that runs a shell script, on a berthd of its own; all gone at the end of the test. */
export async function streamingPod(t: TestContext, script: string, options: StreamingPodOptions) {
  const berthd = await Berthd.start(t, options)
  const client = new PodClient(berthd)
  await client.pull()
  const config = client.sandboxConfig('streams')
  const namespaces = config.linux?.securityContext?.namespaceOptions
  if (options.hostNetwork && namespaces) namespaces.network = 2
  const pod = await client.runSandbox(config)
  const containerConfig = Object.assign(client.containerConfig('main', script), options.change ?? {})
  const container = await client.runContainer(pod, containerConfig)
  return {
    berthd,
    client,
    pod,
    container,
    async exec(cmd: string[], { tty = false, stdin = false, keep = true } = {}) {
      const request = { containerId: container, cmd, tty, stdin, stdout: true, stderr: !tty }
      return RemoteSession.open((await client.runtime.exec(request)).url, { keep })
    },
    async attach({ tty = false, stdin = false, keep = true } = {}) {
      const request = { containerId: container, tty, stdin, stdout: true, stderr: !tty }
      return RemoteSession.open((await client.runtime.attach(request)).url, { keep })
    },
    async connectPort() {
      const { url } = await client.runtime.portForward({ podSandboxId: pod })
      return SpdyClient.connect(url, 'portforward.k8s.io')
    },
    async [Symbol.asyncDispose]() {
      await client.removeSandbox(pod)
      client[Symbol.dispose]()
    },
  }
}
