import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { test } from 'node:test'
import { conformance } from '../harness/conformance.ts'
import { repository } from '../harness/berthd.ts'
import { type Block, blocksOf, pages } from './pages.ts'

/** Runs what the pages call runnable, page by page, in order, as a reader would who types it; each command must succeed. */
test('the commands of the pages', { timeout: 240_000 }, async (t) => {
  const { berthd, client } = await conformance(t)
  const bin = join(berthd.place.folder, 'bin')
  mkdirSync(bin)
  // The bundle, as users have it: it starts in half the time, and the pages have many commands.
  const { status } = spawnSync(process.execPath, ['scripts/build.mjs', '--if-stale'], { cwd: repository })
  assert.equal(status, 0, 'npm run build')
  const launcher = `#!/bin/sh\nexec ${process.execPath} ${join(repository, 'dist/berth.js')} "$@"\n`
  writeFileSync(join(bin, 'berth'), launcher, { mode: 0o755 })
  const env = {
    ...process.env,
    PATH: `${bin}:${process.env.PATH}`,
    CONTAINER_RUNTIME_ENDPOINT: berthd.endpoint,
    NO_COLOR: '1',
    NODE_COMPILE_CACHE: join(berthd.place.folder, 'compiled'),
  }

  const run = async ({ page, line, text: commands }: Block, cwd: string) => {
    const shell = spawn('bash', ['-euo', 'pipefail', '-c', commands], { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] })
    const [said, errors] = await Promise.all([text(shell.stdout), text(shell.stderr), once(shell, 'close')])
    assert.equal(shell.exitCode, 0, `${page}, from line ${line}:\n${said}${errors}`)
  }

  for (const page of pages()) {
    const blocks = blocksOf(page).filter(({ runnable }) => runnable)
    if (blocks.length === 0) continue
    await t.test(page, async () => {
      const folder = join(berthd.place.folder, 'pages', page)
      mkdirSync(folder, { recursive: true })
      try {
        for (const block of blocks) await run(block, folder)
        assert.deepEqual((await client.runtime.listPodSandbox({})).items, [], 'the page removes its pods')
      } finally {
        const { items } = await client.runtime.listPodSandbox({})
        for (const { id } of items) await client.removeSandbox(id)
      }
    })
  }
})
