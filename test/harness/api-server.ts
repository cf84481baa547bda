import { createServer, type IncomingMessage, type OutgoingHttpHeaders, request as httpRequest } from 'node:http'
import { request as httpsRequest } from 'node:https'
import type { AddressInfo } from 'node:net'
import type { Duplex } from 'node:stream'
import type { TestContext } from 'node:test'
import type { PodClient } from './pod.ts'

/** What the stand-in knows: one pod with one container, whatever they are called in the URLs. */
export interface OnePod {
  readonly client: PodClient
  readonly pod: string
  readonly container: string
}

/**
 * A stand-in for what is between a client of Kubernetes and the runtime: the API server passes an upgrade request on to the
 * kubelet, which asks the runtime for a URL and passes the request on to there, with its headers, and from then on bytes
 * (k8s.io/apimachinery, pkg/util/proxy, UpgradeAwareHandler). Answers the URL of the server.
 */
export async function startApiServer(t: TestContext, target: OnePod): Promise<string> {
  const server = createServer((_, response) => response.writeHead(404).end())
  const sockets = new Set<Duplex>()
  server.on('upgrade', (request, socket, head) => {
    sockets.add(socket.on('error', () => {}))
    streamingUrl(target, new URL(request.url ?? '', 'http://localhost')).then(
      (url) => passOn(request, socket, head, url),
      (error: Error) => socket.end(`HTTP/1.1 500 Internal Server Error\r\n\r\n${error.message}`),
    )
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.after(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

async function streamingUrl({ client, pod, container }: OnePod, { pathname, searchParams }: URL): Promise<string> {
  const flag = (name: string) => ['true', '1'].includes(searchParams.get(name) ?? '')
  const streams = { stdin: flag('stdin'), stdout: flag('stdout'), stderr: flag('stderr'), tty: flag('tty') }
  const operation = pathname.split('/').at(-1)
  if (operation === 'exec') {
    const cmd = searchParams.getAll('command')
    return (await client.runtime.exec({ containerId: container, cmd, ...streams })).url
  }
  if (operation === 'attach') return (await client.runtime.attach({ containerId: container, ...streams })).url
  const port = searchParams.getAll('ports').map(Number)
  return (await client.runtime.portForward({ podSandboxId: pod, port })).url
}

function passOn(request: IncomingMessage, client: Duplex, head: Buffer, url: string): void {
  const { method, headers } = request
  // The kubelet's own proxy does not verify the certificate either.
  const options = { method, headers: headers as OutgoingHttpHeaders, rejectUnauthorized: false }
  const onward = url.startsWith('https:') ? httpsRequest(url, options) : httpRequest(url, options)
  onward.once('upgrade', (answer: IncomingMessage, runtime: Duplex, rest: Buffer) => {
    const lines = [`HTTP/1.1 ${answer.statusCode} ${answer.statusMessage}`]
    for (let i = 0; i < answer.rawHeaders.length; i += 2) lines.push(answer.rawHeaders.slice(i, i + 2).join(': '))
    client.write(`${lines.join('\r\n')}\r\n\r\n`)
    client.write(rest)
    runtime.write(head)
    runtime.on('error', () => {}).on('close', () => client.destroy())
    client.on('close', () => runtime.destroy())
    runtime.pipe(client).pipe(runtime)
  })
  onward.once('response', (answer) => {
    client.write(`HTTP/1.1 ${answer.statusCode} ${answer.statusMessage}\r\n\r\n`)
    answer.pipe(client)
  })
  onward.once('error', () => client.destroy())
  onward.end()
}
