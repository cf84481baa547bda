import { chmodSync, cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { type Architecture, architectures, assertMadeFor } from './architecture.ts'

/** What a package is made of: folders, and texts that were made before. */
export interface Sources {
  /** Of this repository. */
  readonly root: string
  /** The bundles. */
  readonly dist: string
  /** The unpacked npm packages. */
  readonly node: string
  readonly koffi: string
  readonly koffiNative: string
  readonly texts: Texts
}

export interface Texts {
  /** By the place below share/man. */
  readonly manual: Readonly<Record<string, string>>
  readonly completions: Readonly<Record<'bash' | 'zsh' | 'fish', string>>
  /** The configuration, in which every line is a comment. */
  readonly config: string
  readonly licenses: string
}

/** The programs in bin/, and the options that Node gets for them; bin/berthd of the sources says why. */
const programs = { berth: '', berthd: ' --max-semi-space-size=1 --no-parallel-scavenge' }

const completionPlaces = {
  bash: 'bash-completion/completions/berth',
  zsh: 'zsh/vendor-completions/_berth',
  fish: 'fish/vendor_completions.d/berth.fish',
} as const

/** Lays out bin/, lib/ and share/ in `prefix`, which is /usr of a system or the folder of a tarball. */
export function layTree(prefix: string, architecture: Architecture, sources: Sources): void {
  const { root, texts } = sources
  const lib = join(prefix, 'lib/berth')
  layProgram(lib, architecture, sources)
  for (const [name, options] of Object.entries(programs)) {
    write(join(prefix, 'bin', name), launcher(name, options), 0o755)
  }
  for (const [path, text] of Object.entries(texts.manual)) write(join(prefix, 'share/man', path), text)
  for (const [shell, path] of Object.entries(completionPlaces)) {
    write(join(prefix, 'share', path), texts.completions[shell as keyof typeof completionPlaces])
  }
  const docs = join(prefix, 'share/doc/berth')
  copy(join(root, 'packaging/examples'), join(docs, 'examples'))
  for (const name of readdirSync(join(root, 'examples'))) {
    if (/\.(yaml|json)$/.test(name)) copy(join(root, 'examples', name), join(docs, 'examples', name))
  }
  copy(join(root, 'docs'), docs)
  copy(join(root, 'README.md'), join(docs, 'README.md'))
  write(join(docs, 'copyright'), copyright)
  write(join(docs, 'third-party-licenses.txt'), texts.licenses)
  write(join(docs, 'examples/config.toml'), texts.config)
}

/** The bundles, Node, and what the bundles do not contain. */
function layProgram(lib: string, architecture: Architecture, { root, dist, node, koffi, koffiNative }: Sources): void {
  for (const name of readdirSync(dist)) {
    // Not berth/client, which is for programs that npm installs.
    if (name.endsWith('.js') && name !== 'client.js') copy(join(dist, name), join(lib, 'dist', name))
  }
  // For what V8 makes of the bundles: postinst fills it, or whoever runs them first and may write to it.
  mkdirSync(join(lib, 'dist/.cache'))
  const { name, version, type, license } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
  write(join(lib, 'package.json'), `${JSON.stringify({ name, version, type, license }, null, 2)}\n`)
  copy(join(node, 'bin/node'), join(lib, 'node'))
  assertMadeFor(architecture, join(lib, 'node'))
  copy(join(node, 'LICENSE'), join(lib, 'node.LICENSE'))
  const modules = join(lib, 'node_modules')
  copy(koffi, join(modules, 'koffi'))
  // Only what is for compiling it.
  for (const unneeded of ['doc', 'vendor', 'lib', 'src/koffi/src/abi']) {
    rmSync(join(modules, 'koffi', unneeded), { recursive: true, force: true })
  }
  for (const path of readdirSync(join(modules, 'koffi'), { recursive: true, encoding: 'utf8' })) {
    if (/\.(cc|hh|inc|def|md)$/.test(path)) rmSync(join(modules, 'koffi', path))
  }
  const native = `koffi-linux-${architectures[architecture].node}`
  const nativeFolder = `linux_${architectures[architecture].node}`
  for (const path of ['package.json', 'index.js', nativeFolder]) {
    copy(join(koffiNative, path), join(modules, '@koromix', native, path))
  }
  assertMadeFor(architecture, join(modules, '@koromix', native, nativeFolder, 'koffi.node'))
}

/** Finds its files from where it lies itself, so that the folder of a tarball may be anywhere. */
const launcher = (name: string, options: string) => `#!/bin/sh
here=$(dirname "$(readlink -f "$0")")/../lib/berth
# What V8 makes of the bundle is kept there, which saves a quarter of the start.
[ -d "$here/dist/.cache" ] && export NODE_COMPILE_CACHE="$here/dist/.cache"
exec "$here/node"${options} "$here/dist/${name}.js" "$@"
`

const copyright = `Berth is licensed under the Apache License, version 2.0: /usr/share/common-licenses/Apache-2.0 on Debian,
https://www.apache.org/licenses/LICENSE-2.0 elsewhere. Node has its license in lib/berth/node.LICENSE, and the npm packages
that Berth contains in third-party-licenses.txt.
`

function copy(from: string, to: string): void {
  mkdirSync(dirname(to), { recursive: true })
  cpSync(from, to, { recursive: true })
}

function write(path: string, text: string, mode = 0o644): void {
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, text)
  chmodSync(path, mode)
}
