import { chmodSync, cpSync, lstatSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { type Architecture } from './architecture.ts'
import { finishTree } from './finish-tree.ts'
import { run } from './run.ts'
import { layTree, type Sources } from './tree.ts'

export interface DebOptions {
  readonly architecture: Architecture
  /** Debian's version: that of Berth, and a revision if the packaging alone has changed. */
  readonly version: string
  /** Where the tree is laid out; emptied before. */
  readonly stage: string
  readonly file: string
  /** Seconds since 1970 that all files bear. */
  readonly epoch: number
}

/** Makes a Debian package. */
export function makeDeb(sources: Sources, { architecture, version, stage, file, epoch }: DebOptions): void {
  rmSync(stage, { recursive: true, force: true })
  layTree(join(stage, 'usr'), architecture, sources)
  for (const unit of ['berth.service', 'berth-agent.service']) {
    const text = readFileSync(join(sources.root, 'packaging', unit), 'utf8')
    write(join(stage, 'usr/lib/systemd/system', unit), text.replaceAll('/usr/local/bin/', '/usr/bin/'))
  }
  write(join(stage, 'etc/berth/config.toml'), sources.texts.config)
  cpSync(join(sources.root, 'packaging/debian/init'), join(stage, 'etc/init.d/berth'), { recursive: true })
  chmodSync(join(stage, 'etc/init.d/berth'), 0o755)
  const control = join(stage, 'DEBIAN')
  const size = kibibytes(stage)
  write(join(control, 'control'), controlFile(version, architecture, size))
  write(join(control, 'conffiles'), '/etc/berth/config.toml\n/etc/init.d/berth\n')
  for (const script of ['postinst', 'prerm', 'postrm']) {
    write(join(control, script), readFileSync(join(sources.root, 'packaging/debian', script), 'utf8'), 0o755)
  }
  finishTree(stage, epoch)
  run('dpkg-deb', ['--build', '--root-owner-group', '-Zzstd', '-z6', stage, file], {
    env: { ...process.env, SOURCE_DATE_EPOCH: String(epoch) },
  })
}

/** dpkg reads zstd since 1.21.18, that of Ubuntu long since; 22.04 has 1.21.1. */
const controlFile = (version: string, architecture: Architecture, size: number) => `Package: berth
Version: ${version}
Architecture: ${architecture}
Maintainer: The authors of Berth <berth@localhost>
Section: admin
Priority: optional
Installed-Size: ${size}
Pre-Depends: dpkg (>= 1.21.1)
Depends: runc | crun, containernetworking-plugins, iptables, libc6, libstdc++6
Recommends: libisal2
Suggests: criu
Description: Kubernetes container runtime
 Serves the Container Runtime Interface (CRI v1) to the kubelet and to
 crictl, pulls OCI images, and runs pods through runc or crun, with CNI
 plugins for their network. Pods outlive its daemon.
 .
 Brings its own Node.
`

function kibibytes(folder: string): number {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .map((path) => lstatSync(join(folder, path)))
    .reduce((sum, stat) => sum + (stat.isDirectory() ? 1 : Math.ceil(stat.size / 1024)), 0)
}

function write(path: string, text: string, mode = 0o644): void {
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, text)
  chmodSync(path, mode)
}
