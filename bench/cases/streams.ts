import { createHash, randomBytes } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { crc32 } from 'node:zlib'
import { dialSpdy } from '../../src/client/streaming/dial.ts'
import { peakMemoryDuring } from '../machine/peak-memory.ts'
import { runtimeSecondsOf } from '../machine/runtime-usage.ts'
import { type Bench, type Case, interleaved } from '../run/bench.ts'
import type { Endpoint } from '../run/endpoint.ts'
import type { Metric } from '../run/measurements.ts'
import { assertRuns, type Pod, podUp, podPrefix, removePod } from '../workload/pod.ts'
import { WebSocketClient, webSocketPayload } from '../workload/web-socket-client.ts'

/** The pieces of {@link content} in what a program in the pod gives again and again. */
const blockPieces = 100
/** With so much it is checked before that what goes in arrives as it was. */
const checkedPieces = 1000

const mostRounds = 3

/** Ports in the pod on which programs give, take, and take and hash. */
const ports = { out: 9000, in: 9001 } as const

const transports = ['spdy', 'websocket'] as const
const ways = ['exec.out', 'exec.in', 'forward.out', 'forward.in'] as const
type Transport = (typeof transports)[number]
type Way = (typeof ways)[number]

const titles: Readonly<Record<Way, string>> = {
  'exec.out': 'stdout of exec',
  'exec.in': 'stdin of exec',
  'forward.out': 'port-forward, out of the pod',
  'forward.in': 'port-forward, into the pod',
}

const metric = (transport: Transport, way: Way, kind: 'rate' | 'cpu' | 'peak'): Metric => {
  const what = `${titles[way]}, ${transport === 'spdy' ? 'SPDY' : 'WebSocket'}`
  const id = `streams.${transport}.${way}.${kind}`
  if (kind === 'rate') return { id, title: what, unit: 'MB/s', better: 'higher' }
  if (kind === 'cpu') return { id, title: `${what}: CPU of the runtime for 1 GB`, unit: 'CPU s', better: 'lower' }
  return { id, title: `${what}: peak memory of the daemon`, unit: 'MiB', better: 'lower' }
}

/** Bytes that are as good as random, again and again: what is lost, doubled or out of order shows in their checksum. */
const content = randomBytes(webSocketPayload)

/** Much each way through exec and port-forward, over both transports; what arrives is what was sent. */
export const streams: Case = {
  name: 'streams',
  async run(bench) {
    const block = Buffer.concat(Array.from({ length: blockPieces }, () => content))
    const load = loadOf(bench.options.streamMegabytes, block)
    writeFileSync(join(bench.folder, 'block'), block)
    const pods = new Map<Endpoint, Pod>()
    for (const endpoint of bench.endpoints) pods.set(endpoint, await podFor(bench, endpoint, load))
    for (const transport of transports) {
      for (const [endpoint, pod] of pods) await checkInput(endpoint, pod, transport)
      for (const way of ways) {
        await interleaved(
          bench,
          `streams: ${titles[way]}, ${transport}`,
          Math.min(bench.options.rounds, mostRounds),
          async (endpoint) => {
            await measure(bench, { endpoint, pod: pods.get(endpoint) as Pod, transport, way, load })
          },
        )
      }
    }
    for (const [endpoint, pod] of pods) await removePod(endpoint, pod)
  },
}

/** What goes through in a turn. */
interface Load {
  readonly pieces: number
  readonly bytes: number
  /** Of all of it. */
  readonly checksum: number
  /** The shell scripts that give and take it. */
  readonly give: string
  readonly take: string
}

function loadOf(megabytes: number, block: Buffer): Load {
  const blocks = Math.ceil((megabytes * 1e6) / block.length)
  const bytes = blocks * block.length
  let checksum = 0
  for (let i = 0; i < blocks; i++) checksum = crc32(block, checksum)
  return {
    pieces: blocks * blockPieces,
    bytes,
    checksum,
    give: `i=0; while [ $i -lt ${blocks} ]; do cat /bench/block; i=$((i+1)); done`,
    take: `head -c ${bytes} | wc -c`,
  }
}

async function podFor(bench: Bench, endpoint: Endpoint, { give, take }: Load): Promise<Pod> {
  const serve = (port: number, script: string) => `nc -ll -p ${port} -e sh -c '${script}' &`
  const pod = await podUp(endpoint, {
    name: `${podPrefix}${endpoint.name}-streams`,
    folder: bench.folder,
    mount: bench.folder,
    script: (name) => `${serve(ports.out, give)} ${serve(ports.in, take)} sleep 1; echo up ${name}; sleep 1000000`,
  })
  await assertRuns(pod)
  return pod
}

interface Turn {
  readonly endpoint: Endpoint
  readonly pod: Pod
  readonly transport: Transport
  readonly way: Way
  readonly load: Load
}

async function measure(bench: Bench, { endpoint, pod, transport, way, load }: Turn): Promise<void> {
  let seconds = 0
  let cpuSeconds = 0
  const peak = await peakMemoryDuring(endpoint, async () => {
    cpuSeconds = await runtimeSecondsOf(endpoint, async () => {
      const start = performance.now()
      if (way.endsWith('.out')) await receive(endpoint, pod, { transport, way, load })
      else await send(endpoint, pod, { transport, way, load })
      seconds = (performance.now() - start) / 1000
    })
  })
  bench.measurements.add(metric(transport, way, 'rate'), endpoint.name, load.bytes / seconds / 1e6)
  bench.measurements.add(metric(transport, way, 'cpu'), endpoint.name, (cpuSeconds * 1e9) / load.bytes)
  bench.measurements.add(metric(transport, way, 'peak'), endpoint.name, peak)
}

async function receive(
  endpoint: Endpoint,
  pod: Pod,
  { transport, way, load }: Pick<Turn, 'transport' | 'way' | 'load'>,
): Promise<void> {
  let bytes = 0
  let checksum = 0
  const whole = Promise.withResolvers<void>()
  using _channel = await openChannel(
    endpoint,
    pod,
    { transport, way, script: load.give },
    (piece) => {
      bytes += piece.length
      checksum = crc32(piece, checksum)
      if (bytes >= load.bytes) whole.resolve()
    },
    whole.reject,
  )
  await whole.promise
  if (bytes !== load.bytes || checksum !== load.checksum)
    throw new Error(
      `${endpoint.name}: ${titles[way]} over ${transport} gave ${bytes} bytes with the checksum ${checksum}`,
    )
}

async function send(
  endpoint: Endpoint,
  pod: Pod,
  { transport, way, load }: Pick<Turn, 'transport' | 'way' | 'load'>,
): Promise<void> {
  const answer = await sendPieces(endpoint, pod, { transport, way, script: load.take }, load.pieces)
  if (answer !== String(load.bytes))
    throw new Error(`${endpoint.name}: of ${titles[way]} over ${transport} ${answer} bytes arrived`)
}

/** That what comes in is what was sent: the hash in the container is that of here. */
async function checkInput(endpoint: Endpoint, pod: Pod, transport: Transport): Promise<void> {
  const script = `head -c ${checkedPieces * content.length} | sha256sum | head -c 64; echo`
  const answer = await sendPieces(endpoint, pod, { transport, way: 'exec.in', script }, checkedPieces)
  const hash = createHash('sha256')
  for (let i = 0; i < checkedPieces; i++) hash.update(content)
  if (answer !== hash.digest('hex'))
    throw new Error(`${endpoint.name}: what was sent to stdin over ${transport} arrived with the hash ${answer}`)
}

/** Sends, and answers the line that the program in the pod says then. */
async function sendPieces(endpoint: Endpoint, pod: Pod, request: ChannelRequest, count: number): Promise<string> {
  let said = ''
  const line = Promise.withResolvers<string>()
  using channel = await openChannel(
    endpoint,
    pod,
    request,
    (piece) => {
      said += piece
      if (said.includes('\n')) line.resolve(said.trim())
    },
    line.reject,
  )
  await channel.send(count)
  // Not before it has come: leaving the function closes the channel.
  return await line.promise
}

interface ChannelRequest {
  readonly transport: Transport
  readonly way: Way
  /** Of an exec. */
  readonly script: string
}

interface Channel extends Disposable {
  /** Sends {@link content} so many times. */
  send(count: number): Promise<void>
}

async function openChannel(
  { cri, name }: Endpoint,
  { containerId, sandboxId: podSandboxId }: Pod,
  { transport, way, script }: ChannelRequest,
  onData: (piece: Buffer) => void,
  onEnd: (error: Error) => void,
): Promise<Channel> {
  const stdin = way === 'exec.in'
  const port = way === 'forward.in' ? ports.in : ports.out
  const forward = way.startsWith('forward')
  const { url } = forward
    ? await cri.runtime.portForward({ podSandboxId, port: [port] })
    : await cri.runtime.exec({ containerId, cmd: ['sh', '-c', script], stdin, stdout: true })
  const lost = () => onEnd(new Error(`${name}: the connection ended before all had come (${way}, ${transport})`))
  if (transport === 'websocket') return openWebSocket(url, forward, onData, lost)
  return openSpdy(url, { forward, port, stdin }, onData, lost)
}

async function openWebSocket(
  url: string,
  forward: boolean,
  onData: (piece: Buffer) => void,
  lost: () => void,
): Promise<Channel> {
  const output = forward ? 0 : 1
  // The channels of a port begin with its number, in two bytes.
  let skip = forward ? 2 : 0
  const client = await WebSocketClient.open(url, (channel, piece) => {
    if (channel !== output) return
    const rest = piece.subarray(skip)
    skip = Math.max(0, skip - piece.length)
    if (rest.length > 0) onData(rest)
  })
  void client.closed.then(lost)
  return { send: (count) => client.send(0, content, count), [Symbol.dispose]: () => client.close() }
}

async function openSpdy(
  url: string,
  { forward, port, stdin }: { readonly forward: boolean; readonly port: number; readonly stdin: boolean },
  onData: (piece: Buffer) => void,
  lost: () => void,
): Promise<Channel> {
  const protocol = forward ? 'portforward.k8s.io' : 'v4.channel.k8s.io'
  const connection = await dialSpdy(url, protocol, {}, new AbortController().signal)
  void connection.closed.then(lost)
  const open = async (streamtype: string) =>
    connection.open(new Map(Object.entries({ streamtype, ...(forward && { port: String(port), requestid: '0' }) })))
  ;(await open('error')).resume()
  const input = forward ? await open('data') : stdin ? await open('stdin') : undefined
  const output = forward ? input : await open('stdout')
  output?.on('data', onData)
  return {
    async send(count) {
      for (let i = 0; i < count; i++) {
        if (!input?.write(content)) await new Promise((resolve) => input?.once('drain', resolve))
      }
    },
    [Symbol.dispose]: () => connection.destroy(),
  }
}
