import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { type CriConnection, connect } from '../../src/client/index.ts'
import { StartedBerthd, whoServes } from './berthd.ts'
import { helloImage, writeHelloImage } from './hello-image.ts'
import { findPod, readFirstPod, runningPods, someLines } from './first-pod.ts'
import { lookAtNode } from './look-at-node.ts'
import { loadImage } from './load-image.ts'
import { providePodNetwork } from './pod-network.ts'
import { readSettings, type Settings } from './settings.ts'

const repository = join(import.meta.dirname, '../..')
const say = (line: string) => void process.stdout.write(`${line}\n`)

/** What start.mjs knows. */
export interface Circumstances {
  /** The path of a static busybox. */
  readonly busybox: string | undefined
  /** Resolves when nobody waits for this process any more. */
  readonly abandoned: Promise<void>
}

/** Starts berthd, runs a first pod, and stays until Ctrl-C. */
export async function start(args: readonly string[], { busybox, abandoned }: Circumstances): Promise<void> {
  const settings = readSettings(args)
  const { cniFolder, bridge, subnet, endpoint } = settings
  const over = Promise.withResolvers<string>()
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => over.resolve(signal))
  void abandoned.then(() => over.resolve('end of npm'))
  // The terminal may go before this process does.
  process.stdout.on('error', () => {})
  providePodNetwork(cniFolder, { bridge, subnet }, say)
  await lookAtNode(settings.configFile, say)
  using cri = connect(endpoint)
  const berthd = await provideBerthd(cri, settings)
  void berthd?.ended().then(() => over.resolve('end of berthd'))
  try {
    const shown = showPod(cri, settings, busybox).then(() => explain(endpoint))
    if (berthd)
      void shown.then(
        () => say('\nCtrl-C stops berthd. Pods run on without it.'),
        () => {},
      )
    const reason = await Promise.race([over.promise, shown.then(() => (berthd ? over.promise : 'nothing to wait for'))])
    if (reason === 'end of berthd') throw new Error(`berthd has ended. ${berthd?.lastWords()}`)
    if (berthd) sayGoodbye(await runningPods(cri))
    else say(`\nThe berthd at ${endpoint} was there before, and goes on.`)
  } finally {
    await berthd?.stop()
  }
  process.exit(0)
}

/** The berthd that this script has started, or undefined when one was there. */
async function provideBerthd(cri: CriConnection, settings: Settings): Promise<StartedBerthd | undefined> {
  const other = await whoServes(cri)
  if (other !== undefined) {
    say(`${other} already serves at ${settings.endpoint}: using it`)
    return undefined
  }
  const began = performance.now()
  const berthd = new StartedBerthd(repository, settings)
  const who = await berthd.serves(cri).catch(async (error) => {
    await berthd.stop()
    throw error
  })
  const seconds = ((performance.now() - began) / 1000).toFixed(2)
  say(`${who} serves CRI v1 at ${settings.endpoint} after ${seconds} s; its log is ${settings.logFile}`)
  return berthd
}

/** Sees to it that the pod runs, and shows it with the commands that a user has. */
async function showPod(cri: CriConnection, settings: Settings, busybox: string | undefined): Promise<void> {
  await provideImage(cri, settings, busybox)
  const pod = readFirstPod(resolve(repository, settings.manifest))
  const before = await findPod(cri, pod)
  if (before.state === 'running') say(`The pod ${pod.name} still runs from before.`)
  if (before.state === 'stopped') await berth(settings, ['rmp', '-f', `${pod.namespace}/${pod.name}`])
  if (before.state !== 'running') await berth(settings, ['run', '-f', settings.manifest])
  const now = await findPod(cri, pod)
  if (now.state === 'running') await someLines(now.logPath, 3)
  await berth(settings, ['pods'])
  await berth(settings, ['ps'])
  await berth(settings, ['logs', '--tail', '5', `${pod.name}/${pod.container}`])
}

async function provideImage(cri: CriConnection, settings: Settings, busybox: string | undefined): Promise<void> {
  const { image } = await cri.image.imageStatus({ image: { image: helloImage } })
  if (image) return
  if (busybox === undefined) throw new Error('there is no static busybox to make an image of')
  const layout = mkdtempSync(join(tmpdir(), 'berth-hello-'))
  try {
    await writeHelloImage(layout, busybox)
    await loadImage(settings.adminSocket, layout)
    say(`Made the image ${helloImage} of ${busybox} and loaded it`)
  } finally {
    rmSync(layout, { recursive: true })
  }
}

/** Runs the CLI in sight of the user. */
async function berth({ endpoint }: Settings, args: readonly string[]): Promise<void> {
  say(`\n$ bin/berth ${args.join(' ')}`)
  const main = join(repository, 'dist/berth.js')
  const child = spawn(process.execPath, [main, '--runtime-endpoint', endpoint, ...args], {
    cwd: repository,
    stdio: ['ignore', 'inherit', 'inherit'],
  })
  const [code] = (await once(child, 'exit')) as [number | null]
  if (code !== 0) throw new Error(`berth ${args[0]} failed`)
}

function explain(endpoint: string): void {
  say(`
Point crictl at it:
    crictl --runtime-endpoint ${endpoint} pods
or for good, in /etc/crictl.yaml:
    runtime-endpoint: ${endpoint}
    image-endpoint: ${endpoint}
Point a kubelet at it, in its configuration file (or with --container-runtime-endpoint):
    containerRuntimeEndpoint: ${endpoint}
The CLI of this checkout: bin/berth --help`)
}

function sayGoodbye(pods: readonly string[]): void {
  say('\nStopping berthd.')
  if (pods.length === 0) return say('No pod is running.')
  say(`
Still running, with their logs: ${pods.join(', ')}. Nobody answers for them until the next npm start, which finds them
again. To remove every pod, while berthd runs: bin/berth rmp -fa`)
}
