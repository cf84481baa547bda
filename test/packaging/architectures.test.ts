import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempDisposableSync, openSync, readdirSync, readSync, closeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { architectures } from '../../scripts/package/architecture.ts'
import { run } from '../../scripts/package/run.ts'
import { repository } from '../harness/berthd.ts'
import { version } from './packages.ts'

/** `e_machine` of an ELF file; undefined for what is none. */
function machineOf(path: string): number | undefined {
  const header = Buffer.alloc(20)
  const fd = openSync(path, 'r')
  try {
    const length = readSync(fd, header, 0, header.length, 0)
    return length === 20 && header.readUInt32BE(0) === 0x7f454c46 ? header.readUInt16LE(18) : undefined
  } finally {
    closeSync(fd)
  }
}

/** Every program and library below a folder, with its machine. */
const programsIn = (folder: string): ReadonlyMap<string, number> =>
  new Map(
    readdirSync(folder, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name))
      .flatMap((path) => {
        const machine = machineOf(path)
        return machine === undefined ? [] : [[path.slice(folder.length + 1), machine] as const]
      }),
  )

for (const [architecture, { node, machine }] of Object.entries(architectures)) {
  test(`the packages for ${architecture}, made of what npm has`, { timeout: 200_000 }, () => {
    using folder = mkdtempDisposableSync(join(tmpdir(), 'berth-packages-'))
    const made = ['scripts/package.mjs', '--arch', architecture, '--out', folder.path]
    const { status, stderr } = spawnSync(process.execPath, made, { cwd: repository, encoding: 'utf8' })
    assert.equal(status, 0, stderr)
    const deb = join(folder.path, `berth_${version}_${architecture}.deb`)
    const fields = new Map(
      run('dpkg-deb', ['-I', deb])
        .split('\n')
        .flatMap((line) => {
          const [, name, value] = /^ ([A-Z][A-Za-z-]+): (.*)$/.exec(line) ?? []
          return name && value ? [[name, value] as const] : []
        }),
    )
    assert.deepEqual(
      ['Package', 'Version', 'Architecture', 'Depends'].map((name) => fields.get(name)),
      ['berth', version, architecture, 'runc | crun, containernetworking-plugins, iptables, libc6, libstdc++6'],
    )

    const unpacked = join(folder.path, 'deb')
    run('dpkg-deb', ['-x', deb, unpacked])
    const tarball = `berth-${version}-linux-${architecture}`
    run('tar', ['-xzf', join(folder.path, `${tarball}.tar.gz`), '-C', folder.path])
    for (const lib of [join(unpacked, 'usr/lib/berth'), join(folder.path, tarball, 'lib/berth')]) {
      assert.deepEqual(
        programsIn(lib),
        new Map([
          ['node', machine],
          [`node_modules/@koromix/koffi-linux-${node}/linux_${node}/koffi.node`, machine],
        ]),
        'Node, and the native part of koffi, are all that is not the same for every machine',
      )
    }
    if (node !== process.arch) return
    for (const program of ['berth', 'berthd']) {
      const path = join(folder.path, tarball, 'bin', program)
      assert.equal(run(path, ['--version']), `${version}\n`, 'the tarball works where it was unpacked')
      assert.match(
        spawnSync(path, ['--version'], { env: { NODE_DEBUG_NATIVE: 'COMPILE_CACHE' }, encoding: 'utf8' }).stderr,
        new RegExp(`V8 code cache for ESM \\S+/${program}\\.js was accepted`),
      )
    }
  })
}
