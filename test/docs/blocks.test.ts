import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempDisposableSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { parse } from 'yaml'
import { defaultConfig, loadConfig } from '../../src/config/config.ts'
import { originHost } from '../../src/image/registry/registry-hosts.ts'
import { parseHostsToml } from '../../src/image/registry/hosts-toml.ts'
import { parseNetworkConfiguration } from '../../src/network/network-configuration.ts'
import { loadBaseSpec } from '../../src/oci/load-base-spec.ts'
import { repository } from '../harness/berthd.ts'
import { type Account, blockAccounts, spanAccounts } from './accounts.ts'
import { type Block, blocksOf, pages, textOf, titleOf } from './pages.ts'

const blocks = pages().flatMap(blocksOf)
const where = ({ page, line }: Block) => `${page}:${line}`

/** Kinds that other tests run, each block of them. */
const isRun = (kind: string) => ['sh run', 'console run', 'sh node', 'ts'].includes(kind)

/** What becomes of a block of a kind that is read. */
const readers: Readonly<Record<string, (text: string, folder: string) => unknown>> = {
  'toml berth': (text, folder) => loadConfig(put(folder, 'config.toml', text), {}),
  'toml hosts': (text) =>
    parseHostsToml(text, 'docker.io', originHost('docker.io', []), () => assert.fail('no file is named')),
  'json cni': (text) => parseNetworkConfiguration(text, 'list'),
  'json base-spec': (text, folder) => loadBaseSpec(put(folder, 'base.json', text)),
  yaml: (text) => {
    assert.equal(typeof parse(text), 'object')
    for (const [endpoint] of text.matchAll(/unix:\S+/g)) assert.equal(endpoint, `unix://${defaultConfig().socket}`)
  },
}

function put(folder: string, name: string, text: string): string {
  writeFileSync(join(folder, name), text)
  return join(folder, name)
}

test('every block of every page is run, read, or accounted for', () => {
  const unaccounted = blocks.filter(
    (block) => !isRun(block.kind) && !readers[block.kind] && !blockAccounts[block.page]?.[titleOf(block)],
  )
  assert.deepEqual(unaccounted.map(where), [], 'no test runs them, and test/docs/accounts.ts does not know them')
  const accounted = Object.entries(blockAccounts).flatMap(([page, of]) => Object.keys(of).map((title) => [page, title]))
  const stale = accounted.filter(([page, title]) => !blocks.some((it) => it.page === page && titleOf(it) === title))
  assert.deepEqual(stale, [], 'these blocks are in no page any more')
})

test('every command in running text is checked or accounted for', () => {
  const program =
    /^(\S+=\S+ )?(\. <|(npm|node|systemctl|journalctl|apt-get|kube\w+|docker|ctr|runc|sqlite3|grep|curl|crio|containerd|\/etc\/\S+) [-\w/.])/
  const own = /^npm run\b|^npm start -- /
  const spans = pages().flatMap((page) => {
    const text = textOf(page).replaceAll(/^```[\s\S]*?^```/gm, '')
    return [...text.matchAll(/`([^`]+)`/g)].map(([, span]) => ({ page, span: (span as string).replaceAll('\n', ' ') }))
  })
  const commands = spans.filter(({ span }) => program.test(span) && !own.test(span))
  assert.deepEqual(
    commands.filter(({ span }) => !spanAccounts[span]),
    [],
  )
  const stale = Object.keys(spanAccounts).filter((known) => !spans.some(({ span }) => span === known))
  assert.deepEqual(stale, [])
})

test('what the accounts refer to is there', () => {
  const accounts: readonly Account[] = [
    ...Object.values(blockAccounts).flatMap((of) => Object.values(of)),
    ...Object.values(spanAccounts),
  ]
  for (const account of accounts) {
    if (!('ranBy' in account)) continue
    assert.ok(readFileSync(join(repository, account.ranBy), 'utf8').includes(account.as), JSON.stringify(account))
  }
})

for (const [kind, read] of Object.entries(readers)) {
  test(`blocks of ${kind} are what they should be`, async () => {
    using folder = mkdtempDisposableSync(join(tmpdir(), 'berth-docs-'))
    const own = blocks.filter((block) => block.kind === kind && !blockAccounts[block.page]?.[titleOf(block)])
    assert.notEqual(own.length, 0)
    for (const block of own) {
      try {
        await read(block.text, folder.path)
      } catch (error) {
        assert.fail(`${where(block)}: ${(error as Error).message}`)
      }
    }
  })
}

test('blocks of TypeScript fit the types of berth/client', { timeout: 60_000 }, () => {
  const built = spawnSync(process.execPath, ['scripts/build.mjs', '--if-stale'], { cwd: repository, encoding: 'utf8' })
  assert.equal(built.status, 0, built.stderr)
  // Within the package: that is where `berth/client` is found.
  mkdirSync(join(repository, 'build'), { recursive: true })
  using folder = mkdtempDisposableSync(join(repository, 'build/docs-'))
  const files = blocks
    .filter(({ kind }) => kind === 'ts')
    .map((block, index) => put(folder.path, `block-${index}.ts`, `${block.text}export {}\n`))
  const options = '--noEmit --strict --target es2024 --module nodenext --lib es2024,esnext.disposable --types node'
  const tsc = ['node_modules/typescript/bin/tsc', '--ignoreConfig', ...options.split(' ')]
  const result = spawnSync(process.execPath, [...tsc, ...files], { cwd: repository, encoding: 'utf8' })
  assert.equal(result.status, 0, result.stdout + result.stderr)
})

test('lists of folders tell of those that there are', () => {
  const columns = (page: string, title: RegExp) =>
    (blocks.find((block) => block.page === page && title.test(titleOf(block)))?.text ?? assert.fail(`${title}`))
      .trim()
      .split('\n')
      .map((line) => line.split(/\s{2,}/)[0] as string)
  const rooms = readdirSync(join(repository, 'src'))
  assert.deepEqual(columns('docs/architecture.md', /^cli +may import/).toSorted(), rooms.toSorted())
  for (const folder of columns('docs/contributing.md', /^test\/conformance/)) {
    assert.ok(existsSync(join(repository, folder)), folder)
  }
})
