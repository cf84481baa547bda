import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { buffer } from 'node:stream/consumers'
import { gzipSync } from 'node:zlib'
import { pack } from 'tar-stream'

/** The image of examples/hello.yaml. */
export const helloImage = 'localhost/berth/hello:latest'

/**
 * Writes an OCI image layout (image-layout.md of the OCI image specification) with one image into the folder `layout`: the
 * static busybox at `busybox`, and a link for each of its commands. The same busybox always gives the same digests.
 */
export async function writeHelloImage(layout: string, busybox: string): Promise<void> {
  const blobs = join(layout, 'blobs/sha256')
  mkdirSync(blobs, { recursive: true })
  const writeBlob = (mediaType: string, data: Uint8Array) => {
    const hex = sha256(data)
    writeFileSync(join(blobs, hex), data)
    return { mediaType, digest: `sha256:${hex}`, size: data.length }
  }
  const writeJson = (mediaType: string, value: object) => writeBlob(mediaType, Buffer.from(JSON.stringify(value)))

  const tar = await rootFilesystem(busybox)
  const layer = writeBlob('application/vnd.oci.image.layer.v1.tar+gzip', gzipSync(tar))
  const platform = { architecture: process.arch === 'x64' ? 'amd64' : process.arch, os: 'linux' }
  const config = writeJson('application/vnd.oci.image.config.v1+json', {
    ...platform,
    config: { Env: ['PATH=/bin'], Cmd: ['/bin/sh'] },
    rootfs: { type: 'layers', diff_ids: [`sha256:${sha256(tar)}`] },
  })
  const mediaType = 'application/vnd.oci.image.manifest.v1+json'
  const manifest = writeJson(mediaType, { schemaVersion: 2, mediaType, config, layers: [layer] })
  const named = { ...manifest, platform, annotations: { 'org.opencontainers.image.ref.name': helloImage } }
  const index = { schemaVersion: 2, mediaType: 'application/vnd.oci.image.index.v1+json', manifests: [named] }
  writeFileSync(join(layout, 'index.json'), JSON.stringify(index))
  writeFileSync(join(layout, 'oci-layout'), JSON.stringify({ imageLayoutVersion: '1.0.0' }))
}

/** A tar of the root file system. */
function rootFilesystem(busybox: string): Promise<Buffer> {
  const tar = pack()
  const mtime = new Date(0)
  for (const name of ['bin', 'etc', 'root']) tar.entry({ name, type: 'directory', mode: 0o755, mtime })
  tar.entry({ name: 'tmp', type: 'directory', mode: 0o1777, mtime })
  tar.entry({ name: 'etc/passwd', mtime }, 'root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n')
  tar.entry({ name: 'etc/group', mtime }, 'root:x:0:\nnogroup:x:65534:\n')
  tar.entry({ name: 'bin/busybox', mode: 0o755, mtime }, readFileSync(busybox))
  const { stdout } = spawnSync(busybox, ['--list'], { encoding: 'utf8' })
  for (const name of stdout
    .trim()
    .split('\n')
    .filter((command) => command !== 'busybox')) {
    tar.entry({ name: `bin/${name}`, type: 'symlink', linkname: 'busybox', mtime })
  }
  tar.finalize()
  return buffer(tar)
}

function sha256(data: Uint8Array): string {
  return createHash('sha256').update(data).digest('hex')
}
