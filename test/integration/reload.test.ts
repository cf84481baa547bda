import assert from 'node:assert/strict'
import { readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { parse, stringify, type TomlTable } from 'smol-toml'
import type { Config } from '../../src/config/config.ts'
import type { ConfigReading } from '../../src/daemon/live-config.ts'
import { Berthd } from '../harness/berthd.ts'
import { tryBerth } from '../harness/cli.ts'
import { eventually } from '../harness/eventually.ts'
import { PodClient } from '../harness/pod.ts'

test('the configuration of a berthd that runs: by itself, at SIGHUP, at a command, and a broken one', {
  timeout: 60_000,
}, async (t) => {
  const berthd = await Berthd.start(t)
  const { configFile } = berthd.place
  using client = new PodClient(berthd)
  const first = parse(readFileSync(configFile, 'utf8'))
  const replace = (text: string) => {
    writeFileSync(`${configFile}.new`, text)
    renameSync(`${configFile}.new`, configFile)
  }
  const write = (keys: TomlTable) => replace(stringify({ ...first, ...keys }))
  const status = async () => {
    const { info } = await client.runtime.status({ verbose: true })
    return JSON.parse(info['info'] ?? '') as {
      config: Config
      configReading: ConfigReading
      network: { ready: boolean }
    }
  }
  const becomes = (what: string, isSo: (now: Awaited<ReturnType<typeof status>>) => boolean) =>
    eventually(what, async () => isSo(await status()) || undefined)
  const reload = () => tryBerth(berthd.endpoint, ['config', 'reload'])
  const run = (name: string) =>
    client.runtime.runPodSandbox({ config: client.sandboxConfig(name), runtimeHandler: 'other' })

  // A new runtime handler serves pods without a restart, and a pod of it can be removed when it is gone.
  write({ runtime: { other: { path: 'runc' } }, streaming: { port: 1 } })
  await becomes('the handler is there', ({ config }) => config.runtime['other'] !== undefined)
  assert.deepEqual((await status()).configReading.needsRestart, ['streaming.port'])
  const { podSandboxId } = await run('live')

  // Refused as a whole, whatever the one good key in it says.
  write({ pids_limit: 7, pidslimit: 8 })
  await becomes('it is refused', ({ configReading }) => configReading.error?.includes('did you mean') ?? false)
  assert.equal((await status()).config.pids_limit, 0)
  write({ default_runtime: 'nothing' })
  const refused = await reload()
  assert.match(`${refused.exitCode} ${refused.stderr}`, /^1 berth: default_runtime: no runtime handler "nothing"/)

  write({ pids_limit: 7, image: { pinned: ['Not A Name'] } })
  assert.match((await reload()).stderr, /invalid image reference "Not A Name"/)

  // The network of the pods that come is another, and the node is told so.
  write({ cni: { conf_dir: join(berthd.place.folder, 'no-network') } })
  await becomes('the network is not ready', ({ network }) => !network.ready)

  write({ pids_limit: 9, log_level: 'warn' })
  assert.equal((await reload()).stdout, `${configFile} is in force.\n`)
  const { config, configReading } = await status()
  await becomes('the network is ready again', ({ network }) => network.ready)
  assert.deepEqual([config.pids_limit, config.log_level, config.runtime], [9, 'warn', {}])
  assert.deepEqual([configReading.needsRestart, configReading.error], [[], undefined])
  await client.removeSandbox(podSandboxId)
  await assert.rejects(run('gone'), /no runtime handler "other"/)

  // A signal reads it also where nothing has changed.
  write({ log_level: 'info' })
  await becomes('the level is as before', ({ config }) => config.log_level === 'info')
  process.kill(berthd.pid, 'SIGHUP')
  await eventually('the log tells of the signal', () => berthd.log().includes('"cause":"SIGHUP"') || undefined)
})
