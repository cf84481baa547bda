import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { parseDocument } from 'yaml'
import { repository } from '../harness/berthd.ts'
import { berth } from '../harness/cli.ts'
import { eventually } from '../harness/eventually.ts'
import { takeMachine } from '../harness/machine-lock.ts'
import { assertAsBefore, machineState } from '../harness/machine-state.ts'
import { makeSurroundings, removeShared, removeSurroundings, type Surroundings } from '../harness/surroundings.ts'

/** A run of `npm start` (less npm) in a private place, as a user at a terminal has it. */
class Start {
  readonly #process: ChildProcess
  #output = ''

  constructor(place: Surroundings, manifest: string) {
    const options = ['--config', place.configFile, '--log', place.logFile, '--manifest', manifest]
    const network = ['--bridge', place.bridge, '--subnet', `${place.network}.0/24`]
    this.#process = spawn(process.execPath, [join(repository, 'scripts/start.mjs'), ...options, ...network], {
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    for (const stream of [this.#process.stdout, this.#process.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => {
        this.#output += text
      })
    }
  }

  /** Waits until it has said everything and stays in the foreground; answers what it said. */
  async ready(): Promise<string> {
    await eventually(
      'npm start is ready',
      () => {
        if (this.#process.exitCode !== null) throw new Error(`it ended:\n${this.#output}`)
        return this.#output.includes('Ctrl-C stops berthd') ? true : undefined
      },
      60_000,
    )
    return this.#output
  }

  /** Waits until it has ended by itself; answers what it said. */
  async ended(): Promise<string> {
    const [code] = (await once(this.#process, 'close')) as [number | null]
    assert.equal(code, 0, this.#output)
    return this.#output
  }

  /** What Ctrl-C does; answers what it said last. */
  async interrupt(): Promise<string> {
    const before = this.#output.length
    const ended = once(this.#process, 'close')
    this.#process.kill('SIGINT')
    const [code] = (await ended) as [number | null]
    assert.equal(code, 0, this.#output)
    return this.#output.slice(before)
  }

  kill(): void {
    this.#process.kill('SIGKILL')
  }
}

test('npm start: from nothing to a pod and its log; Ctrl-C; again', { timeout: 120_000 }, async (t) => {
  const { place, manifest } = await prepare(t)
  const start = () => {
    const started = new Start(place, manifest)
    t.after(() => started.kill())
    return started
  }

  const first = start()
  const said = await first.ready()
  assert.match(said, /Pod network: none was configured, wrote \S+10-berth\.conflist/)
  assert.match(said, /berth 0\.1\.0 serves CRI v1 at unix:\/\/\S+\/berth\.sock/)
  assert.match(said, /Made the image localhost\/berth\/hello:latest of \S+busybox/)
  assert.match(said, /^[0-9a-f]{12} .* Ready +hello +default /m)
  assert.match(said, /^[0-9a-f]{12} +localhost\/berth\/hello:latest .* Running +counter /m)
  assert.match(said, /^hello 1 from hello\nhello 2 from hello\nhello 3 from hello$/m)
  assert.match(said, /runtime-endpoint: unix:\/\//)
  assert.match(said, /containerRuntimeEndpoint: unix:\/\//)

  const goodbye = await first.interrupt()
  assert.match(goodbye, /Still running, with their logs: default\/hello\./)
  const log = () =>
    readFileSync(join(podLogs(place), 'counter/0.log'), 'utf8')
      .trimEnd()
      .split('\n')
  const lines = log().length
  await eventually('the pod goes on without berthd', () => (log().length > lines + 1 ? true : undefined))

  const second = start()
  const saidAgain = await second.ready()
  assert.match(saidAgain, /The pod hello still runs from before\./)
  assert.doesNotMatch(saidAgain, /Made the image|none was configured|bin\/berth run/)

  const beside = await start().ended()
  assert.match(beside, /berth 0\.1\.0 already serves at .*: using it[^]*was there before, and goes on\.$/m)
  assert.doesNotMatch(beside, /Ctrl-C/)

  const endpoint = `unix://${place.socket}`
  await berth(endpoint, ['rmp', '-fa'])
  const numbers = log().map((line) => Number(/hello (\d+) from/.exec(line)?.[1]))
  const counted = numbers.filter((number) => !Number.isNaN(number))
  assert.deepEqual(
    counted,
    Array.from(counted, (_, index) => index + 1),
    'a line of the log is missing',
  )
  assert.match(await second.interrupt(), /No pod is running\./)
})

/** A private place, and the example with a uid of its own, which its log folder is named by. */
async function prepare(t: TestContext): Promise<{ place: Surroundings; manifest: string }> {
  await takeMachine()
  const place = makeSurroundings({ withoutNetwork: true })
  const addresses = join('/var/lib/cni/networks', place.bridge)
  const belongings = {
    mark: place.mark,
    folders: [addresses],
    ignore: /last_reserved_ip|\/lock$/,
    signs: [place.mark, place.bridge, `${place.network}.`],
  }
  const before = machineState(belongings)
  t.after(async () => {
    try {
      removeShared(place)
      await assertAsBefore(before, belongings)
    } finally {
      removeSurroundings(place)
      rmSync(addresses, { recursive: true, force: true })
      rmSync(podLogs(place), { recursive: true, force: true })
    }
  })
  const manifest = parseDocument(readFileSync(join(repository, 'examples/hello.yaml'), 'utf8'))
  manifest.setIn(['metadata', 'uid'], place.mark)
  const path = join(place.folder, 'hello.yaml')
  writeFileSync(path, String(manifest))
  return { place, manifest: path }
}

/** Where `berth run` puts the logs of the pod. */
function podLogs({ mark }: Surroundings): string {
  return `/var/log/pods/default_hello_${mark}`
}
