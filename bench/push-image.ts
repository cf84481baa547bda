/**
 * Makes an image out of files of this machine and pushes it, for the case `pull`:
 *
 *     node bench/push-image.ts 127.0.0.1:5099/bench/six:v1 --layers 6 --files 10000 --mib 700 /usr
 *
 * `--mib` is the size of the files, before compression. `--variant` (any word) chooses other files of the same kind.
 * Needs tar and gzip; the registry is spoken to in plain HTTP.
 */
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { lstatSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { gunzipSync } from 'node:zlib'
import { blobOf, buildImage, digestOf, type Layer, pushImage } from '../test/registry/image-builder.ts'

interface Found {
  readonly path: string
  readonly bytes: number
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    layers: { type: 'string', default: '6' },
    files: { type: 'string', default: '10000' },
    mib: { type: 'string', default: '300' },
    variant: { type: 'string', default: '' },
  },
})
const [reference = '', source = '/usr'] = positionals
const parts = /^([^/]+)\/(.+):([^:/]+)$/.exec(reference)
if (!parts) throw new Error('give the image as host:port/repository:tag')
const [, registry, repository, tag] = parts as unknown as [string, string, string, string]

const chosen = choose(filesBelow(resolve(source)), Number(values.files), Number(values.mib) * 2 ** 20)
const count = Number(values.layers)
const layers = Array.from({ length: count }, (_, at) => layerOf(chosen.filter((_, index) => index % count === at)))
const image = buildImage({ layers, config: { Cmd: ['/bin/true'] } })
await pushImage(registry, repository, tag, image)
const mib = (bytes: number) => (bytes / 2 ** 20).toFixed(0)
const compressed = layers.reduce((sum, { size }) => sum + size, 0)
const plain = chosen.reduce((sum, { bytes }) => sum + bytes, 0)
process.stdout.write(
  `${reference}: ${count} layers, ${chosen.length} files, ${mib(plain)} MiB, ${mib(compressed)} MiB compressed\n`,
)

function filesBelow(folder: string): Found[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry): Found[] => {
    const path = join(folder, entry.name)
    if (entry.isDirectory()) return filesBelow(path)
    return entry.isFile() ? [{ path, bytes: lstatSync(path).size }] : []
  })
}

/** So many files as if drawn at random, but the same each time; then the largest that fit, until there are enough bytes. */
function choose(all: readonly Found[], count: number, bytes: number): Found[] {
  const key = ({ path }: Found) =>
    createHash('sha256')
      .update(path + values.variant)
      .digest('hex')
  const drawn = all.map((file) => ({ ...file, key: key(file) })).sort((a, b) => (a.key < b.key ? -1 : 1))
  const chosen = drawn.filter((file) => file.bytes < 2 ** 20).slice(0, count)
  let missing = bytes - chosen.reduce((sum, file) => sum + file.bytes, 0)
  for (const file of drawn.filter((file) => file.bytes >= 2 ** 20 && file.bytes < 2 ** 25)) {
    if (file.bytes > missing) continue
    chosen.push(file)
    missing -= file.bytes
  }
  return chosen.sort((a, b) => (a.key < b.key ? -1 : 1))
}

function layerOf(files: readonly Found[]): Layer {
  const folder = mkdtempSync(join(tmpdir(), 'berth-bench-'))
  try {
    const paths = files.map(({ path }) => path.slice(1)).sort()
    writeFileSync(join(folder, 'list'), paths.join('\0'))
    const archive = join(folder, 'layer.tar.gz')
    const options = ['-C', '/', '--null', '--no-recursion', '-T', join(folder, 'list'), '--format=pax']
    const { status, stderr } = spawnSync('tar', ['-czf', archive, ...options])
    if (status !== 0) throw new Error(`tar: ${stderr}`)
    const bytes = readFileSync(archive)
    const blob = blobOf('application/vnd.oci.image.layer.v1.tar+gzip', bytes)
    return { ...blob, diffId: digestOf(gunzipSync(bytes)) }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
