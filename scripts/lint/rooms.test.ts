import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { after, test } from 'node:test'

/**
 * Runs the real linter with the real configuration over files that break the rules of the house, and over files that keep
 * them: a rule that silently stops working is worse than none.
 */
const root = join(import.meta.dirname, '../..')
const house = mkdtempSync(join(tmpdir(), 'berth-lint-'))
after(() => rmSync(house, { recursive: true, force: true }))

interface Report {
  readonly code: string
  readonly message: string
  readonly filename: string
}

function lint(files: Readonly<Record<string, string>>): readonly Report[] {
  const folder = mkdtempSync(join(house, 'case-'))
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true })
    writeFileSync(join(folder, path), text)
  }
  const oxlint = join(root, 'node_modules/oxlint/bin/oxlint')
  const config = join(root, '.oxlintrc.json')
  const run = spawnSync(process.execPath, [oxlint, '-c', config, '--disable-nested-config', '-f', 'json', folder], {
    cwd: root,
    encoding: 'utf8',
    timeout: 60_000,
  })
  const start = run.stdout.indexOf('{')
  assert.notEqual(start, -1, `oxlint gave no report: ${run.stdout}${run.stderr}`)
  return (JSON.parse(run.stdout.slice(start)) as { diagnostics: Report[] }).diagnostics
}

/** The rule that objects to a file with this text; several would be a mistake in the test. */
function objections(path: string, text: string): readonly string[] {
  return lint({ [path]: text }).map(({ code, message }) => `${code} ${message}`)
}

const using = (module: string) => `import { thing } from '${module}'\n\nthing()\n`

const refused: readonly (readonly [path: string, text: string, why: RegExp])[] = [
  ['src/image/pull.ts', using('../pod/run-sandbox.ts'), /image\/ may not import pod\/, which is above it/],
  ['src/image/registry/auth.ts', using('../../cri/server.ts'), /image\/ may not import cri\//],
  ['src/lib/clock.ts', using('../linux/mount.ts'), /lib\/ may not import linux\//],
  ['src/shim/main.ts', using('../network/cni.ts'), /shim\/ may not import network\//],
  [
    'src/cli/pods.ts',
    using('../pod/pods.ts'),
    /cli\/ may import only agent, manifest, client, doctor, config, mux, lib, gen, not pod\//,
  ],
  ['src/agent/agent.ts', using('../pod/pods.ts'), /agent\/ may import only manifest, client, lib, gen, not pod\//],
  ['src/manifest/pod.ts', using('../agent/agent.ts'), /manifest\/ may import only client, lib, gen, not agent\//],
  ['src/client/connect.ts', using('../linux/spawn.ts'), /client\/ may import only mux, lib, gen, not linux\//],
  [
    'src/doctor/checks/x.ts',
    using('../../daemon/main.ts'),
    /doctor\/ may import only network, oci, config, linux, lib, not daemon\//,
  ],
  ['src/pod/pods.test.ts', using('../daemon/main.ts'), /pod\/ may not import daemon\//],
  ['src/pod/pods.ts', "export type { Thing } from '../daemon/main.ts'\n", /pod\/ may not import daemon\//],
  ['src/pod/pods.ts', "await import('../daemon/main.ts')\n", /pod\/ may not import daemon\//],
  ['src/pod/pods.ts', "export const f = (x: import('../cri/server.ts').Server) => x\n", /pod\/ may not import cri\//],
  ['src/pod/pods.ts', using('../../test/harness/berthd.ts'), /may not import from outside src/],
  ['src/helpers/pods.ts', using('../lib/clock.ts'), /src\/helpers is not a room/],
  ['src/pod/mount.ts', using('koffi'), /koffi is behind linux\//],
  ['src/pod/mount.test.ts', using('koffi'), /koffi is behind linux\//],
  ['src/network/exec.ts', using('node:child_process'), /child_process loses its children/],
  ['src/shim/exec.ts', using('child_process'), /child_process loses its children/],
  ['src/pod/index.ts', "export { thing } from './thing.ts'\n", /no re-exports/],
  ['src/pod/index.ts', "export * from './thing.ts'\n", /no re-exports/],
  ['src/pod/thing.ts', 'export default function thing() {}\n', /no-default-export/],
]

const allowed: readonly (readonly [path: string, text: string])[] = [
  ['src/pod/pods.ts', using('../image/pull.ts')],
  ['src/pod/pods.ts', using('./stop.ts')],
  ['src/image/registry/auth.ts', using('../reference.ts')],
  ['src/shim/main.ts', using('../oci/process.ts')],
  ['src/cli/pods.ts', using('../client/connect.ts')],
  ['src/cli/logs.ts', using('node:child_process')],
  [
    'src/cli/version.ts',
    "import data from '../../package.json' with { type: 'json' }\n\nexport const { version } = data\n",
  ],
  ['src/linux/libc.ts', using('koffi')],
  ['src/linux/spawn.test.ts', using('node:child_process')],
  ['src/client/index.ts', "export { thing } from './thing.ts'\n"],
  ['test/integration/any.test.ts', using('../../src/daemon/main.ts')],
]

for (const [path, text, why] of refused) {
  test(`refused: ${path}: ${text.split('\n')[0]}`, () => {
    const reports = objections(path, text)
    assert.ok(
      reports.some((report) => why.test(report)),
      `oxlint said: ${JSON.stringify(reports, null, 2)}`,
    )
  })
}

for (const [path, text] of allowed) {
  test(`allowed: ${path}: ${text.split('\n')[0]}`, () => {
    const reports = objections(path, text)
    assert.deepEqual(
      reports.filter((report) => /berth\(|default-export/.test(report)),
      [],
    )
  })
}
