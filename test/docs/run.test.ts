import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempDisposableSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { test } from 'node:test'
import { writeHelloImage } from '../../scripts/start/hello-image.ts'
import { conformance } from '../harness/conformance.ts'
import { repository } from '../harness/berthd.ts'
import { eventually } from '../harness/eventually.ts'
import { type Block, blocksOf, pages, titleOf } from './pages.ts'
import { type DocsPlace, docsPlace } from './place.ts'
import { ShellSession } from './shell-session.ts'
import { follow } from './transcript.ts'

/** Runs what the pages call runnable, page by page, in order, as a reader would who types it; each command must succeed. */
test('the commands of the pages', { timeout: 280_000 }, async (t) => {
  const { berthd, client } = await conformance(t)
  // What `npm start` leaves on the machine, which some transcripts come after.
  const hello = join(berthd.place.folder, 'hello')
  mkdirSync(hello)
  await writeHelloImage(hello, '/usr/bin/busybox')
  const running: Readonly<Record<string, (block: Block, place: DocsPlace) => Promise<void>>> = {
    'sh run': (block, place) => run('bash', ['-euo', 'pipefail', '-c', place.inThisPlace(block.text)], block, place),
    ts: (block, place) => runProgram(block, place),
    'console run': async ({ text }, place) => {
      using session = new ShellSession(place.folder, place.env)
      await session.run(`berth load ${hello}`)
      await follow(text, session, place)
      if (!text.includes('berth agent')) return
      await eventually('the agent says it', () => saysTheSame(place.agentLog) || undefined)
    },
  }

  for (const page of pages()) {
    const blocks = blocksOf(page).filter(({ kind }) => running[kind])
    if (blocks.length === 0) continue
    await t.test(page, async () => {
      const place = docsPlace(berthd, page)
      try {
        for (const block of blocks) await running[block.kind]?.(block, place)
        await eventually('the page removes its pods', async () => {
          const { items } = await client.runtime.listPodSandbox({})
          return items.length === 0 || undefined
        })
      } finally {
        const { items } = await client.runtime.listPodSandbox({})
        for (const { id } of items) await client.removeSandbox(id)
      }
    })
  }
})

async function run(file: string, args: readonly string[], { page, line }: Block, { folder, env }: DocsPlace) {
  const child = spawn(file, args, { cwd: folder, env, stdio: ['ignore', 'pipe', 'pipe'] })
  const [said, errors] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')])
  assert.equal(child.exitCode, 0, `${page}, from line ${line}:\n${said}${errors}`)
}

/** `berth/client` is found from within the package alone. */
async function runProgram(block: Block, place: DocsPlace): Promise<void> {
  mkdirSync(join(repository, 'build'), { recursive: true })
  using folder = mkdtempDisposableSync(join(repository, 'build/docs-'))
  const file = join(folder.path, 'block.ts')
  writeFileSync(file, place.inThisPlace(block.text))
  await run(process.execPath, [file], block, place)
}

/** Whether an agent has said what docs/pods-without-a-cluster.md shows, whatever else it said. */
function saysTheSame(log: string): boolean {
  const block = blocksOf('docs/pods-without-a-cluster.md').find((block) =>
    titleOf(block).startsWith('berth: pod default/'),
  )
  const said = readFileSync(log, 'utf8')
  return (block?.text.trim().split('\n') ?? assert.fail('it shows nothing')).every((line) => said.includes(line))
}

test('a berthd beside that of the machine, as docs/contributing.md has it', { timeout: 60_000 }, async () => {
  using folder = mkdtempDisposableSync(join(tmpdir(), 'berth-mine-'))
  const block = blocksOf('docs/contributing.md').find((block) => titleOf(block).startsWith('bin/berthd'))
  const own = (text = '') => text.replaceAll('/tmp/mine', folder.path)
  const config = blocksOf('docs/contributing.md').find(({ text }) => text.includes('[nri]'))
  writeFileSync(join(folder.path, 'config.toml'), own(config?.text))
  const [start = '', ask = ''] = own(block?.text).split('\n')
  // With a /run and CNI configurations of its own: what the machine has is not for a test.
  const apart = 'mount -t tmpfs tmpfs /run && if [ -d /etc/cni ]; then mount -t tmpfs tmpfs /etc/cni; fi'
  const options = { cwd: repository, stdio: 'ignore' } as const
  const berthd = spawn('unshare', ['--mount', 'sh', '-c', `${apart} && exec ${start}`], options)
  const ended = once(berthd, 'exit')
  try {
    await eventually('it answers', async () => {
      assert.equal(berthd.exitCode, null)
      const [exitCode] = await once(spawn('sh', ['-c', ask], options), 'exit')
      return exitCode === 0 || undefined
    })
  } finally {
    berthd.kill()
    await ended
  }
})
