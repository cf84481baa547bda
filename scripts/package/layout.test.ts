import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { loadConfig } from '../../src/config/config.ts'
import { referenceFile } from '../../src/config/reference.ts'
import { type Architecture, architectures } from './architecture.ts'
import { commentedOut } from './commented-out.ts'
import { makeDeb } from './deb.ts'
import { manualPage, manualPages } from './manual.ts'
import { run } from './run.ts'
import { makeTarball } from './tarball.ts'
import { type Sources } from './tree.ts'

const root = join(import.meta.dirname, '../..')
const epoch = 1_700_000_000

for (const architecture of Object.keys(architectures) as Architecture[]) {
  test(`the Debian package for ${architecture}`, (t) => {
    const { folder, sources } = place(t, architecture)
    const file = join(folder, 'berth.deb')
    makeDeb(sources, { architecture, version: '1.2.3-4', stage: join(folder, 'stage'), file, epoch })
    const field = (name: string) => run('dpkg-deb', ['--field', file, name]).trim()
    assert.equal(field('Version'), '1.2.3-4')
    assert.equal(field('Architecture'), architecture)
    assert.match(field('Depends'), /^runc \| crun, containernetworking-plugins, iptables/)
    assert.equal(field('Recommends'), 'libisal2')
    // With what it depends on in turn it is 40 packages, Python among them.
    assert.equal(field('Suggests'), 'criu')
    const files = listed(run('dpkg-deb', ['--contents', file]))
    const native = `./usr/lib/berth/node_modules/@koromix/koffi-linux-${architectures[architecture].node}`
    for (const [path, mode] of [
      ['./usr/bin/berth', '-rwxr-xr-x'],
      ['./usr/bin/berthd', '-rwxr-xr-x'],
      ['./usr/lib/berth/node', '-rwxr-xr-x'],
      ['./usr/lib/berth/dist/berthd.js', '-rw-r--r--'],
      ['./usr/lib/berth/dist/.cache/', 'drwxr-xr-x'],
      ['./usr/lib/berth/node_modules/koffi/index.js', '-rw-r--r--'],
      [`${native}/linux_${architectures[architecture].node}/koffi.node`, '-rw-r--r--'],
      ['./usr/lib/systemd/system/berth.service', '-rw-r--r--'],
      ['./usr/lib/systemd/system/berth-agent.service', '-rw-r--r--'],
      ['./etc/berth/config.toml', '-rw-r--r--'],
      ['./etc/init.d/berth', '-rwxr-xr-x'],
      ['./usr/share/man/man1/berth.1', '-rw-r--r--'],
      ['./usr/share/bash-completion/completions/berth', '-rw-r--r--'],
      ['./usr/share/zsh/vendor-completions/_berth', '-rw-r--r--'],
      ['./usr/share/fish/vendor_completions.d/berth.fish', '-rw-r--r--'],
      ['./usr/share/doc/berth/examples/crictl.yaml', '-rw-r--r--'],
      ['./usr/share/doc/berth/examples/10-berth.conflist', '-rw-r--r--'],
      ['./usr/share/doc/berth/copyright', '-rw-r--r--'],
    ] as const) {
      assert.equal(files.get(path)?.mode, mode, path)
    }
    assert.deepEqual(new Set([...files.values()].map(({ owner }) => owner)), new Set(['root/root']))
    assert.ok(![...files.keys()].some((path) => /client\.js|\.map$|vendor\/|\.cc$/.test(path)))
    const unit = run('dpkg-deb', ['--fsys-tarfile', file]).includes('ExecStart=/usr/bin/berthd\n')
    assert.ok(unit, 'the unit starts the berthd of the package')
    assert.equal(run('dpkg-deb', ['--info', file, 'conffiles']), '/etc/berth/config.toml\n/etc/init.d/berth\n')
    for (const script of ['postinst', 'prerm', 'postrm']) {
      run('sh', ['-nc', run('dpkg-deb', ['--info', file, script])])
    }
  })

  test(`the tarball for ${architecture}, and both packages made twice`, (t) => {
    const { folder, sources } = place(t, architecture)
    const digests = ['first', 'second'].map((name) => {
      const tar = join(folder, `${name}.tar.gz`)
      const deb = join(folder, `${name}.deb`)
      makeTarball(sources, { architecture, stage: join(folder, name, 'berth-1.2.3'), file: tar, epoch })
      makeDeb(sources, { architecture, version: '1.2.3', stage: join(folder, name, 'deb'), file: deb, epoch })
      return [tar, deb].map((path) => createHash('sha256').update(readFileSync(path)).digest('hex'))
    })
    assert.deepEqual(digests[0], digests[1])
    const files = listed(run('tar', ['-tvzf', join(folder, 'first.tar.gz')]))
    assert.equal(files.get('berth-1.2.3/bin/berth')?.mode, '-rwxr-xr-x')
    assert.equal(files.get('berth-1.2.3/lib/berth/node')?.owner, '0/0')
    assert.ok(files.has('berth-1.2.3/lib/systemd/system/berth.service'))
    // The fake Node of the tarball answers with its arguments, from wherever the folder is.
    run('tar', ['-xzf', join(folder, 'first.tar.gz'), '-C', folder])
    writeFileSync(join(folder, 'berth-1.2.3/lib/berth/node'), '#!/bin/sh\necho "$@"\n')
    const said = run(join(folder, 'berth-1.2.3/bin/berthd'), ['--root', 'a b'])
    assert.match(
      said,
      /^--max-semi-space-size=1 --no-parallel-scavenge \S+\/lib\/berth\/dist\/berthd\.js --root a b\n$/,
    )
  })
}

test('a Node for another architecture is refused', (t) => {
  const { folder, sources } = place(t, 'arm64')
  const options = { version: '1', stage: join(folder, 'stage'), file: join(folder, 'berth.deb'), epoch }
  assert.throws(
    () => makeDeb(sources, { ...options, architecture: 'amd64' }),
    /node is no program or library for amd64/,
  )
})

test('the configuration of the package has every key, and sets none', (t) => {
  const { folder } = place(t, 'amd64')
  const text = commentedOut(referenceFile())
  const file = join(folder, 'config.toml')
  writeFileSync(file, text)
  assert.deepEqual(loadConfig(file, {}), loadConfig(undefined, {}))
  assert.match(text, /^# cgroup_driver = "cgroupfs" {2}# needs a restart$/m)
  assert.match(text, /^# \[shim\]$/m)
})

test('the manual pages have every command, and nothing that troff would take for a macro', async () => {
  const pages = await manualPages(root, '1.2.3')
  assert.match(pages['man1/berth.1'] as string, /^\.TH BERTH 1 "" "Berth 1\.2\.3"$/m)
  for (const command of ['WHY', 'DOCTOR', 'RUN', 'COMPLETION', 'PORT-FORWARD']) {
    assert.match(pages['man1/berth.1'] as string, new RegExp(`^\\.SH ${command}$`, 'm'))
  }
  assert.match(pages['man8/berthd.8'] as string, /\\-\\-log\\-level/)
  const page = manualPage({ name: 'x', section: 1, about: 'y', version: '1', chapters: [['A', ".x\n'y\n\\z -"]] })
  assert.match(page, /\\&\.x\n\\&'y\n\\ez \\-\n/)
})

/** Small files in the place of Node, koffi and the bundles. */
function place(t: TestContext, architecture: Architecture): { readonly folder: string; readonly sources: Sources } {
  const folder = mkdtempSync(join(tmpdir(), 'berth-layout-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const { node, machine } = architectures[architecture]
  const elf = Buffer.alloc(64)
  elf.writeUInt32BE(0x7f454c46, 0)
  elf.writeUInt16LE(machine, 18)
  const files: Readonly<Record<string, string | Buffer>> = {
    'dist/berth.js': 'berth',
    'dist/berthd.js': 'berthd',
    'dist/berthd.js.map': 'map',
    'dist/client.js': 'client',
    'node/bin/node': elf,
    'node/LICENSE': 'license',
    'koffi/package.json': '{}',
    'koffi/index.js': 'koffi',
    'koffi/vendor/x.h': 'header',
    'koffi/src/koffi/src/ffi.cc': 'source',
    'native/package.json': '{}',
    'native/index.js': 'native',
    [`native/linux_${node}/koffi.node`]: elf,
  }
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true })
    writeFileSync(join(folder, path), content, { mode: path.endsWith('bin/node') ? 0o755 : 0o644 })
  }
  const sources = {
    root,
    dist: join(folder, 'dist'),
    node: join(folder, 'node'),
    koffi: join(folder, 'koffi'),
    koffiNative: join(folder, 'native'),
    texts: {
      manual: { 'man1/berth.1': 'page' },
      completions: { bash: 'b', zsh: 'z', fish: 'f' },
      config: '# nothing\n',
      licenses: 'licenses\n',
    },
  }
  return { folder, sources }
}

/** What `tar -tv` and `dpkg-deb --contents` print, by path. */
function listed(text: string): ReadonlyMap<string, { readonly mode: string; readonly owner: string }> {
  return new Map(
    text.split('\n').flatMap((line) => {
      const [mode, owner, , , , path] = line.split(/\s+/)
      return mode && owner && path ? [[path, { mode, owner }] as const] : []
    }),
  )
}
